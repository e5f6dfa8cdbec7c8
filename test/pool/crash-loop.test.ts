// A version whose starts fail is left alone longer and longer, until one invocation has been served.

import test from "ava";
import { TsfnError } from "../../runtime/errors.ts";
import { CrashLoop } from "../../runtime/pool/crash-loop.ts";

const failure = new TsfnError("SANDBOX_FAILED", "no sandbox today");
const throwing = new TsfnError("LOAD_FAILED", "the module throws");

test("each failure in a row doubles the time to wait, and success ends it", (t) => {
  const loop = new CrashLoop();
  t.is(loop.remainingMs(0), 0);
  loop.failed(failure, 0, 10);
  t.is(loop.remainingMs(10), 100);
  t.is(loop.remainingMs(60), 50);
  loop.failed(failure, 200, 300);
  t.is(loop.remainingMs(300), 200);
  loop.succeeded();
  t.is(loop.remainingMs(300), 0);
});

test("starts that ran side by side fail once", (t) => {
  const loop = new CrashLoop();
  for (let count = 0; count < 8; count += 1) loop.failed(failure, 0, 50);
  t.is(loop.remainingMs(50), 100);
});

test("a failure that may be the machine's is waited out; one that will repeat is told at once", (t) => {
  const transient = new CrashLoop();
  transient.failed(failure, 0, 10);
  t.is(transient.hopelessCause(20), null);
  transient.failed(failure, 110, 120);
  transient.failed(failure, 320, 330);
  t.is(transient.hopelessCause(340), failure);
  const certain = new CrashLoop();
  certain.failed(throwing, 0, 10);
  t.is(certain.hopelessCause(20), throwing);
});

test("when the wait is over callers are let in again, for one more try", (t) => {
  const loop = new CrashLoop();
  loop.failed(throwing, 0, 10);
  t.is(loop.hopelessCause(109), throwing);
  t.is(loop.hopelessCause(110), null);
});
