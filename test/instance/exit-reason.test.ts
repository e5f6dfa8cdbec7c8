// Which of the ways in which a process's end can be described is told, when several are true.

import test from "ava";
import { TsfnError } from "../../runtime/errors.ts";
import { type BeforeEnd, endOf } from "../../runtime/instance/exit-reason.ts";
import type { ExitReport } from "../../runtime/sandbox/index.ts";

const itsOwn = new TsfnError("FUNCTION_CRASHED", "its own end");
const full = new TsfnError("FUNCTION_OOM", "a full memory");
const ours = new TsfnError("FUNCTION_CRASHED", "tsfnd ended it");
const asked: BeforeEnd = { endedBy: ours, isRetiring: true, isSilent: false };
const silent: BeforeEnd = { ...asked, isSilent: true };

function exit(how: Partial<ExitReport>): ExitReport {
  return { exitCode: null, signal: null, oomKills: 0, cpuUs: 0, memoryPeakBytes: 0, ...how };
}
const killed = exit({ signal: "SIGKILL" });

test("an end that nobody asked for is the process's own, and news", (t) => {
  const alone: BeforeEnd = { endedBy: null, isRetiring: false, isSilent: false };
  t.deepEqual(endOf(exit({ exitCode: 3 }), itsOwn, alone), { reason: itsOwn, isNews: true });
  t.deepEqual(endOf(killed, itsOwn, alone), { reason: itsOwn, isNews: true });
});

test("an end that was asked for is no news", (t) => {
  t.deepEqual(endOf(killed, itsOwn, asked), { reason: ours, isNews: false });
  t.deepEqual(endOf(exit({ exitCode: 0 }), itsOwn, { ...asked, endedBy: null }), { reason: itsOwn, isNews: false });
});

test("a crash whose exit took long is told as the crash that it was", (t) => {
  t.deepEqual(endOf(exit({ exitCode: 3 }), itsOwn, silent), { reason: itsOwn, isNews: true });
  t.deepEqual(endOf(exit({ signal: "SIGSEGV" }), itsOwn, silent), { reason: itsOwn, isNews: true });
});

test("a process that closed its stream and stayed is told as ended for that", (t) => {
  t.deepEqual(endOf(killed, itsOwn, silent), { reason: ours, isNews: true });
});

test("a full memory is told in any case", (t) => {
  for (const before of [asked, silent]) t.deepEqual(endOf(killed, full, before), { reason: full, isNews: true });
});
