// Named spans: heard while someone listens, and nothing at all otherwise.

import test from "ava";
import { endSpan, listenToSpans, now, type Span } from "../../runtime/trace.ts";

test.serial("a listener hears the spans that end while it listens", (t) => {
  const heard: Span[] = [];
  endSpan("exec", "before", now());
  const stop = listenToSpans((span) => heard.push(span));
  const startedAtMs = now();
  const durationMs = endSpan("exec", "request-1", startedAtMs);
  stop();
  endSpan("exec", "after", now());
  t.deepEqual(heard, [{ name: "exec", subject: "request-1", startedAtMs, durationMs }]);
  t.true(durationMs >= 0);
});

test.serial("two listeners hear the same, and one may stop without the other", (t) => {
  const heard: string[] = [];
  const stopFirst = listenToSpans(({ subject }) => heard.push(`first ${subject}`));
  const stopSecond = listenToSpans(({ subject }) => heard.push(`second ${subject}`));
  endSpan("queue", "a", now());
  stopFirst();
  endSpan("queue", "b", now());
  stopSecond();
  t.deepEqual(heard, ["first a", "second a", "second b"]);
});
