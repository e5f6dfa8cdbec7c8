// What keeps a module from being loaded besides an error that it throws: it ends the process, or dies of an error that nobody
// catches, or waits for what never comes. Each becomes the reason why it was not loaded. loader.ts is what loads.

import type { Init } from "../wire/index.ts";
import { busyWith } from "./leftovers.ts";
import { placeOfStalledAwait } from "./stalled-await.ts";

export interface LoadingOptions {
  readonly init: Init;
  /** Tells tsfnd at once why loading failed: the process is about to end. */
  readonly tell: (thrown: unknown) => void;
}

// Taken before the function's code runs, which may put its own in place.
const { clearTimeout, setImmediate, setTimeout } = globalThis;
const exit = process.exit.bind(process);

/**
 * Resolves when `load` has and nothing that it began to do at once has failed. Meanwhile only what the function left may keep
 * the event loop alive: when nothing does, nobody is left who could end a wait.
 *
 * @throws what `load` throws, or an Error that says what else is the matter
 */
export async function whileLoading<Loaded>(
  load: () => Promise<Loaded>,
  { init, tell }: LoadingOptions,
): Promise<Loaded> {
  const { promise: stuck, reject: giveUp } = Promise.withResolvers<never>();
  const before = process.getActiveResourcesInfo();
  const late = setTimeout(() => giveUp(overdue(init, before)), init.loadTimeoutMs).unref();
  const onIdle = () => giveUp(stalled(init));
  const onExit = (code: number) => tell(new Error(`the process exited with code ${code} while loading`));
  const onUncaught = (thrown: unknown) => {
    if (isCaught()) return;
    process.off("exit", onExit);
    tell(thrown);
    // Node would print what has just been told.
    exit(1);
  };
  process.on("beforeExit", onIdle);
  process.on("exit", onExit);
  process.on("uncaughtExceptionMonitor", onUncaught);
  try {
    const loaded = await Promise.race([load(), stuck]);
    await oneTurn();
    return loaded;
  } finally {
    clearTimeout(late);
    process.off("beforeExit", onIdle);
    process.off("exit", onExit);
    process.off("uncaughtExceptionMonitor", onUncaught);
  }
}

/**
 * Node tells of a rejection that nobody handles only when everything else of the same turn is done, and timers that are due at
 * once are as good as code of the module.
 */
async function oneTurn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
  if (process.getActiveResourcesInfo().includes("Timeout")) await new Promise((resolve) => setTimeout(resolve, 1));
}

/** By the function's own code, which goes on then. */
function isCaught(): boolean {
  return process.listenerCount("uncaughtException") > 0 || process.hasUncaughtExceptionCaptureCallback();
}

function overdue({ loadTimeoutMs }: Init, before: readonly string[]): Error {
  const open = busyWith(before);
  const kept = open.length === 0 ? "" : `; what keeps it: ${open.join(", ")}`;
  return new Error(`loading did not finish within ${loadTimeoutMs} ms${kept}`);
}

function stalled({ entry }: Init): Error {
  const error = new Error("a top-level await never settles: no timer, no I/O, nothing is left that could end it");
  const place = placeOfStalledAwait(entry);
  if (place !== null) error.stack = `Error: ${error.message}\n    at ${place}`;
  return error;
}
