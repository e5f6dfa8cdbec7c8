// Every message between tsfnd and a guest, by direction, with its limits. One unix stream per instance; a frame is
//   u32 length of what follows · u8 kind · u32 invocation (0: none) · payload      (little endian)
// and a payload is msgpack; lines of text for heads (heads.ts); raw bytes for the kinds marked raw. Both sides treat the other's bytes as hostile.

export const limits = {
  /** Longest payload of a frame that is not raw. */
  maxControlBytes: 1_048_576,
  /** Longest payload of a raw frame. */
  maxChunkBytes: 65_536,
  /** Bytes of one body, per invocation and direction, that may be on their way before the receiver grants more. */
  windowBytes: 262_144,
  /** Name and value bytes of a response's headers, summed. */
  maxHeaderBytes: 65_536,
  maxHeaders: 1_024,
  /** Characters of each text of a Failure. */
  maxFailureLength: 65_536,
  /** Invocations that may be sent ahead to one guest. */
  maxAhead: 32,
  /** Reasons in a Ready, and characters of each. */
  maxReasons: 16,
  maxReasonLength: 256,
} as const;

/** tsfnd → guest. */
export const toGuest = {
  /** Init. First frame, once. */
  init: 1,
  /** Invoke. */
  invoke: 2,
  /** raw: a piece of the request's body. */
  body: 3,
  /** No payload: the request's body is complete. */
  bodyEnd: 4,
  /** Cancel: nobody waits for this answer any more; `ctx.signal` aborts. */
  cancel: 5,
  /** Credit: more bytes of the response's body are welcome. */
  credit: 6,
  /** No payload: no more invocations come; exit when idle. */
  retire: 7,
  /** No payload: nothing is in flight and the root was swapped for a fresh one; answered by resetDone. */
  reset: 8,
  /** Invoke, with a ticket: sent while another one runs. The guest takes the ticket when its turn comes, or forgets it. */
  ahead: 9,
  /** No payload: all that were sent ahead and have not begun are taken back; answered by revoked. */
  revoke: 10,
  /**
   * Text: the instance's id. In init's place to a clone of a process that has loaded the function, and so knows everything
   * else that init says; answered as init is.
   */
  adopt: 11,
} as const;

/** guest → tsfnd. */
export const toDaemon = {
  /** Ready. Answer to init. */
  ready: 65,
  /** Failure. Answer to init: the module could not be loaded; the guest exits. */
  loadFailed: 66,
  /** ResponseHead. */
  response: 67,
  /** raw: a piece of the response's body. */
  body: 68,
  /** No payload: the response's body is complete. */
  bodyEnd: 69,
  /** Failure: the handler threw, or its body failed after the head. */
  failed: 70,
  /** Credit: more bytes of the request's body are welcome. */
  credit: 71,
  /** Output: what the function wrote to stdout or stderr through JavaScript. */
  output: 72,
  /**
   * u32 microseconds that it took, by the guest's own clock: everything of this invocation, `waitUntil` work included, is over.
   * Always the last of its frames.
   */
  settled: 73,
  /** No payload, of no invocation: nothing runs and the writable layer was written to. Before that `settled`. */
  dirty: 74,
  /** No payload. Answer to reset: the guest stands in the fresh root. */
  resetDone: 75,
  /** u32 length of a ResponseHead, it, and all of the body, which is no longer than a chunk: instead of response. */
  answer: 76,
  /** No payload. Answer to revoke: those are forgotten. */
  revoked: 77,
} as const;

/** How a function wants to be called; docs/functions.md tells the shapes. */
export const handlerShapes = ["fetch", "lambda", "node", "server"] as const;
export type HandlerShape = (typeof handlerShapes)[number];

/** The variable that tells a function which instance it runs in. */
export const instanceIdVariable = "TSFN_INSTANCE_ID";

/** Whose module is loaded, or whose own program runs. */
export const runtimes = ["node26", "node24", "provided"] as const;
export type RuntimeName = (typeof runtimes)[number];

export interface Init {
  readonly function: string;
  readonly version: number;
  readonly instance: string;
  readonly runtime: RuntimeName;
  /** Path of the module or the program, relative to the process's working directory. */
  readonly entry: string;
  readonly handler: "auto" | HandlerShape;
  /** The whole of `process.env`. */
  readonly env: Readonly<Record<string, string>>;
  /** Variables too, and files; never sent to a zygote. */
  readonly secrets: Readonly<Record<string, string>>;
  /** Milliseconds from this message until the module has to be loaded. */
  readonly loadTimeoutMs: number;
  readonly concurrency: number;
  readonly cpus: number;
  readonly memoryBytes: number;
}

export interface Invoke {
  readonly requestId: string;
  readonly method: string;
  readonly url: string;
  /** Names and values alternating. */
  readonly headers: readonly string[];
  readonly hasBody: boolean;
  /** Milliseconds left until the deadline. */
  readonly remainingMs: number;
}

export interface Cancel {
  readonly reason: "client" | "deadline" | "shutdown";
}

export interface Credit {
  readonly bytes: number;
}

export interface Ready {
  /** What the module turned out to be. */
  readonly handler: HandlerShape;
  readonly loadMs: number;
  /** From a zygote: what loading left open and no fork can take over, in words. Empty: it may be forked. */
  readonly unforkable: readonly string[];
}

/** An error of the user's code; the stack is already mapped to the sources. Goes to the logs, not to clients. */
export interface Failure {
  /** badResponse: nothing was thrown, but what came back cannot be sent. */
  readonly kind: "threw" | "badResponse";
  readonly name: string;
  readonly message: string;
  readonly stack: string;
}

export interface ResponseHead {
  readonly status: number;
  readonly headers: readonly string[];
  readonly hasBody: boolean;
}

export interface Output {
  readonly stream: "stdout" | "stderr";
  readonly level: "debug" | "info" | "warn" | "error";
  readonly text: string;
}
