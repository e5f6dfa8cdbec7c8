// Credit windows: who sends a body may have so many bytes on their way, and the receiver grants more as they are used
// up. One pair per invocation and direction, so that a slow reader of one body holds up no other.

import { ProtocolError } from "./frames.ts";
import { limits } from "./messages.ts";

/** The sender's view of a body. */
export class SendWindow {
  #availableBytes: number = limits.windowBytes;

  get availableBytes(): number {
    return this.#availableBytes;
  }

  spend(bytes: number): void {
    this.#availableBytes -= bytes;
  }

  /** @throws ProtocolError when more is granted than was ever spent. */
  grant(bytes: number): void {
    const after = this.#availableBytes + bytes;
    if (after > limits.windowBytes) {
      throw new ProtocolError(`credit makes the window ${after} bytes; wanted at most ${limits.windowBytes}`);
    }
    this.#availableBytes = after;
  }
}

/** Credit goes back in halves of the window: rare enough to be cheap, early enough that the sender never stops. */
const grantBytes = limits.windowBytes / 2;

/** The receiver's view of a body. */
export class ReceiveWindow {
  #outstandingBytes = 0;
  #usedBytes = 0;

  /** The sender waits for credit. */
  get isFull(): boolean {
    return this.#outstandingBytes >= limits.windowBytes;
  }

  /** @throws ProtocolError when the sender went past what it was granted. */
  receive(bytes: number): void {
    this.#outstandingBytes += bytes;
    if (this.#outstandingBytes > limits.windowBytes) {
      throw new ProtocolError(
        `${this.#outstandingBytes} bytes of a body are on their way; wanted at most ${limits.windowBytes}`,
      );
    }
  }

  /** Notes that the reader took `bytes`; returns the credit to send now, 0 when it is too early. */
  use(bytes: number): number {
    this.#usedBytes += bytes;
    if (this.#usedBytes < grantBytes) return 0;
    const credit = this.#usedBytes;
    this.#usedBytes = 0;
    this.#outstandingBytes -= credit;
    return credit;
  }
}
