// The contract between a call (call.ts) and the shapes a function may have: an adapter takes an IncomingCall and answers
// with something like a Response. One file here per shape; choose.ts finds out which one a module has.

import type { HandlerShape, Init } from "../../wire/index.ts";
import type { ExecutionContext } from "../public.ts";

/** One invocation, as an adapter sees it. */
export interface IncomingCall {
  readonly method: string;
  /** Absolute. */
  readonly url: string;
  /** Names and values alternating, names in lower case, in the client's order; repeated ones are not joined. */
  readonly headers: readonly string[];
  /** null where no body came. `request` reads from it too, so only one of the two is used. */
  readonly body: ReadableStream<Uint8Array> | null;
  readonly env: Init["env"];
  readonly context: ExecutionContext;
  /** Made when it is asked for, which is once. */
  readonly request: () => Request;
}

/** The part of Response that is used; a framework's own class with the same shape is as good. */
export interface ResponseLike {
  /** 101 only for a call that asks for an upgrade; its body is then the bytes of the other protocol. */
  readonly status: number;
  readonly headers: Iterable<readonly [string, string]>;
  readonly body: ReadableStream<Uint8Array> | null;
  readonly bodyUsed?: boolean;
}

/** A loaded function: how one invocation is answered. */
export interface Handler {
  readonly shape: HandlerShape;
  /** A ResponseLike or a promise of one; whatever else it comes to is told to the author. Throws what the function throws. */
  answer(call: IncomingCall): unknown;
}
