-- Prints what wrk measured as one line of JSON.

done = function(summary, latency, requests)
   local e = summary.errors
   io.write(string.format(
      '\n{"requests":%d,"durationUs":%d,"failures":%d}\n',
      summary.requests, summary.duration, e.connect + e.read + e.write + e.status + e.timeout))
end
