// How a process ended, as the error its callers get and as words.

import { TsfnError } from "../errors.ts";
import type { ExitReport } from "../sandbox/index.ts";

/** What the process's own stderr says when V8 gives up: Node prints `JavaScript heap out of memory`, V8 the other. */
const heapExhausted = /heap out of memory|Allocation failed/;

/** V8 ends the process itself when its heap is full; the signal depends on the build. 134 is SIGABRT seen by a shell. */
const abortSignals: ReadonlySet<string | null> = new Set(["SIGABRT", "SIGTRAP", "SIGILL"]);

export function tellsOfFullHeap(stderrLine: string): boolean {
  return heapExhausted.test(stderrLine);
}

/** FUNCTION_OOM or FUNCTION_CRASHED. `heapWasFull`: a line of its stderr said so. */
export function exitError(exit: ExitReport, heapWasFull: boolean, what: string): TsfnError {
  if (ranOutOfMemory(exit, heapWasFull)) return new TsfnError("FUNCTION_OOM", `${what} ran out of memory`);
  return new TsfnError("FUNCTION_CRASHED", `${what}'s process ${describeExit(exit)}`);
}

/** `exited with code 1`, `was ended by SIGSEGV`. */
export function describeExit(exit: ExitReport): string {
  return exit.signal === null ? `exited with code ${exit.exitCode ?? "unknown"}` : `was ended by ${exit.signal}`;
}

function ranOutOfMemory(exit: ExitReport, heapWasFull: boolean): boolean {
  if (exit.oomKills > 0) return true;
  return heapWasFull && (abortSignals.has(exit.signal) || exit.exitCode === 134);
}
