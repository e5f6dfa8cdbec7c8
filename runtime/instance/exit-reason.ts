// How a process ended, as the errors its callers get and as words.

import type { FunctionVersion } from "../catalog/index.ts";
import { TsfnError } from "../errors.ts";
import type { ExitReport } from "../sandbox/index.ts";

/** What a process's stderr says when V8's heap is full: the first is Node's wording, the second V8's own. */
const heapExhausted = /heap out of memory|Allocation failed/;
/** Lines of Node's report of an uncaught error or of an abort that do not tell what it is. */
const reportFiller = /^(\s|\}|Node\.js v|\d+: |-----|$)/;
/**
 * V8 ends the process itself when its heap is full; the signal depends on the build. The first process of a pid namespace
 * ignores SIGABRT, so abort(3) ends it with an instruction that it may not execute.
 */
const abortSignals: ReadonlySet<string | null> = new Set(["SIGABRT", "SIGTRAP", "SIGILL", "SIGSEGV"]);
/** SIGABRT as a shell reports it. */
const abortExitCode = 134;

/**
 * For a guest to say itself that loading takes too long, and what keeps it; then its silence is the answer. A zygote reads init,
 * from which on it counts, only when it has started and rehearsed.
 */
export const loadGraceMs = 2_000;

/** What a process's stderr lets one know about its end. */
export class LastWords {
  /** The last line that says something; empty when there was none. */
  text = "";
  tellOfFullHeap = false;

  hear(line: string): void {
    this.tellOfFullHeap ||= heapExhausted.test(line);
    if (!reportFiller.test(line)) this.text = line.slice(0, 200);
  }
}

/** FUNCTION_OOM or FUNCTION_CRASHED. */
export function exitError(version: FunctionVersion, exit: ExitReport, lastWords: LastWords): TsfnError {
  const { function: name, number } = version;
  const fields = { function: name, version: number };
  if (ranOutOfMemory(exit, lastWords)) {
    return new TsfnError("FUNCTION_OOM", `The process of ${name}@${number} ran out of memory`, fields);
  }
  return new TsfnError("FUNCTION_CRASHED", `The process of ${name}@${number} ${describeExit(exit)}`, fields);
}

/** What was known of a process before it ended. */
export interface BeforeEnd {
  /** Why tsfnd ended it; null when it was not tsfnd. */
  readonly endedBy: TsfnError | null;
  readonly isRetiring: boolean;
  /** tsfnd ended it only because it had closed its stream and took long to exit. */
  readonly isSilent: boolean;
}

/**
 * What its callers are told, and whether its log should be. A process that takes its time to exit, because the machine is busy or its
 * memory large, has crashed like any other: if it still ended by itself, by its own code or signal, that is what is told.
 */
export function endOf(exit: ExitReport, itsOwn: TsfnError, { endedBy, isRetiring, isSilent }: BeforeEnd) {
  const isOom = itsOwn.code === "FUNCTION_OOM";
  const reason = isOom || (isSilent && exit.signal !== "SIGKILL") ? itsOwn : (endedBy ?? itsOwn);
  return { reason, isNews: isOom || isSilent || (endedBy === null && !isRetiring) };
}

/** exitError for a process that ended before its function was loaded. `reason` is the exitError or why tsfnd ended it. */
export function exitWhileLoading(reason: TsfnError, exit: ExitReport, lastWords: LastWords): TsfnError {
  if (reason.code === "FUNCTION_OOM") {
    return new TsfnError("FUNCTION_OOM", `${reason.message} while loading`, reason.fields);
  }
  const words = lastWords.text === "" ? "" : `; its last words: ${lastWords.text}`;
  const message = `${reason.message} while loading${words}`;
  // Nobody but an operator or the kernel sends SIGKILL, so the function is not to blame.
  return new TsfnError(exit.signal === "SIGKILL" ? "STARTUP_FAILED" : "LOAD_FAILED", message, reason.fields);
}

/** For one that did not even say what keeps it: nothing runs in it any more but one piece of code. */
export function silentWhileLoading({ function: name, number }: FunctionVersion, timeoutMs: number): TsfnError {
  const what = `Loading ${name}@${number} did not finish within ${timeoutMs} ms`;
  const message = `${what}: its code does not let go of the thread, a hook of onFork does not settle, or the machine is far too busy`;
  return new TsfnError("LOAD_FAILED", message, { function: name, version: number });
}

/** `exited with code 1`, `was ended by SIGSEGV`. */
function describeExit(exit: ExitReport): string {
  return exit.signal === null ? `exited with code ${exit.exitCode ?? "unknown"}` : `was ended by ${exit.signal}`;
}

function ranOutOfMemory(exit: ExitReport, lastWords: LastWords): boolean {
  if (exit.oomKills > 0) return true;
  return lastWords.tellOfFullHeap && (abortSignals.has(exit.signal) || exit.exitCode === abortExitCode);
}
