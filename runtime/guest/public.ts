// What a function's author imports: `import { type ExportedHandler, onFork } from "tsfn"`. Types only: the bundler puts the
// module itself in place (runtime/catalog/tsfn-module.ts), and call.ts calls what they describe.

/** What the default export of a function's module looks like. */
export interface ExportedHandler<Env = Readonly<Record<string, string>>> {
  fetch(request: Request, env: Env, ctx: ExecutionContext): Response | Promise<Response>;
}

/** The shape of an export named GET, POST, PUT, … instead of a default export. */
export type MethodHandler<Env = Readonly<Record<string, string>>> = ExportedHandler<Env>["fetch"];

/** One invocation, as the function sees it. */
export interface ExecutionContext {
  /** Also in the client's `X-Request-Id` and in every log record. */
  readonly requestId: string;
  /** Aborts at the deadline or when the client leaves, and so does `request.signal`. */
  readonly signal: AbortSignal;
  /** When the invocation is ended, `waitUntil` work included. */
  readonly deadline: Date;
  /** Milliseconds until the deadline, 0 when it has passed. */
  remainingMs(): number;
  /** Keeps the invocation open after its answer until `work` settles; a rejection goes to the logs. */
  waitUntil(work: Promise<unknown>): void;
}

/**
 * Calls `hook` in every process that is forked from this one, before its first invocation and after everything registered
 * before; a promise is awaited. For state that must not be the same in two processes, such as a generator with a seed. A
 * module is loaded once and forked often, so register while loading; where nothing is forked (`prefork: "none"`) the hook is
 * never called.
 */
export declare function onFork(hook: () => void | Promise<void>): void;
