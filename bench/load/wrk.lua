-- Prints what wrk measured as one line of JSON, with every latency it recorded: how many answers took so many microseconds.

done = function(summary, latency, requests)
   local e = summary.errors
   local counts = {}
   for i = 1, #latency do
      local value, count = latency(i)
      counts[i] = string.format("[%d,%d]", value, count)
   end
   io.write(string.format(
      '\n{"requests":%d,"durationUs":%d,"failures":%d,"latenciesUs":[%s]}\n',
      summary.requests, summary.duration, e.connect + e.read + e.write + e.status + e.timeout, table.concat(counts, ",")))
end
