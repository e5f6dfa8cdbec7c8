// What a stranger may ask of a listener before any function is concerned: for how long, how much, and how many strangers
// there may be. The last also keeps descriptors for instances (runtime/pool/capacity.ts), so that a small limit of open files
// makes it smaller.

export interface ListenerLimits {
  /** From the connection, or the answer before, until the whole head is there; 408 after that. */
  readonly headersTimeoutMs: number;
  /** Of a request's head; 431 above that. */
  readonly maxHeaderBytes: number;
  /** At the same time; more are not accepted. */
  readonly maxConnections: number;
}

export const defaultLimits: ListenerLimits = {
  headersTimeoutMs: 10_000,
  maxHeaderBytes: 32 * 2 ** 10,
  maxConnections: 10_000,
};
