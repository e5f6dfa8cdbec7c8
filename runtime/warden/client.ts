// tsfnd's end of the two sockets to the warden: sends a request, resolves with its reply, hands events out. It never
// blocks the event loop: descriptors are already in the lane when the reply that needs them arrives.

import { closeSync } from "node:fs";
import { Socket } from "node:net";
import { constants } from "node:os";
import { getSystemErrorName } from "node:util";
import { TsfnError } from "../errors.ts";
import type { ForkSpans } from "../sandbox/index.ts";
import { type LaneReceiver, loadLaneReceiver } from "./native.ts";
import { type Message, MessageDecoder, proto, type Reader } from "./protocol.ts";
import { type Exit, readExit, readSpans, type WardenRequest } from "./requests.ts";

export interface WardenClient {
  /**
   * One request, one reply. @throws TsfnError SANDBOX_FAILED with the step, errno and object of the warden's failure;
   * WARDEN_LOST when it is gone; NO_CAPACITY when the warden has done it, but this process may not open what came with the
   * reply (`isDoneInVain`).
   */
  request<Reply>(request: WardenRequest<Reply>): Promise<Reply & WithDescriptors>;
  /** One listener for one sandbox; it hears nothing after `forget`. */
  listen(id: string, listener: SandboxListener): void;
  forget(id: string): void;
  /** Resolves when the warden is gone or its stream broke. */
  readonly lost: Promise<void>;
  close(): void;
}

/** What the warden tells of a sandbox without being asked. */
export interface SandboxListener {
  /** Of a clone, once: its locks are closed and it begins; or why it ended before, and nothing of the function has run. */
  complete?(outcome: ForkSpans | TsfnError): void;
  /** Once, last: every process is gone. Also when the warden is lost, for its sandboxes die with it. */
  exited(exit: Exit): void;
}

/** Descriptors that came with a reply; empty for most verbs. The caller owns them. */
export interface WithDescriptors {
  readonly descriptors?: readonly number[];
}

export interface WardenSockets {
  readonly controlFd: number;
  readonly laneFd: number;
}

interface Pending {
  readonly verb: number;
  readonly descriptors: number;
  readonly resolve: (message: Message, descriptors: readonly number[]) => void;
  readonly reject: (error: TsfnError) => void;
}

/** The sockets are those that every tsfnd inherits, unless a test made its own. */
export function connectWarden(
  sockets: WardenSockets = { controlFd: proto.CONTROL_FD, laneFd: proto.LANE_FD },
): WardenClient {
  return new Connection(sockets, loadLaneReceiver());
}

class Connection implements WardenClient {
  readonly #laneFd: number;
  readonly #receive: LaneReceiver;
  readonly #control: Socket;
  readonly #decoder = new MessageDecoder();
  readonly #pending = new Map<number, Pending>();
  readonly #listeners = new Map<string, SandboxListener>();
  readonly #lost = Promise.withResolvers<void>();
  readonly lost = this.#lost.promise;
  #next = 1;
  #closed = false;

  constructor(sockets: WardenSockets, receive: LaneReceiver) {
    this.#laneFd = sockets.laneFd;
    this.#receive = receive;
    this.#control = new Socket({ fd: sockets.controlFd, readable: true, writable: true });
    this.#control.on("data", (chunk: Buffer) => this.#onData(chunk));
    this.#control.on("error", (cause) => this.close(cause));
    this.#control.on("close", () => this.close());
    this.#control.on("end", () => this.close());
  }

  request<Reply>(request: WardenRequest<Reply>): Promise<Reply & WithDescriptors> {
    if (this.#closed) return Promise.reject(lostError());
    const number = this.#next;
    this.#next = number === 0xffff_ffff ? 1 : number + 1;
    const bytes = request.body.finish(request.verb, number);
    return new Promise((resolve, reject) => {
      this.#pending.set(number, {
        verb: request.verb,
        descriptors: request.descriptors,
        resolve: ({ body }, descriptors) => {
          const reply = request.reply(body);
          resolve((descriptors.length === 0 ? reply : { ...reply, descriptors }) as Reply & WithDescriptors);
        },
        reject,
      });
      this.#control.write(bytes);
    });
  }

  listen(id: string, listener: SandboxListener): void {
    this.#listeners.set(id, listener);
  }

  forget(id: string): void {
    this.#listeners.delete(id);
  }

  close(cause?: unknown): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#control.destroy();
    closeSync(this.#laneFd);
    const waiting = [...this.#pending.values()];
    this.#pending.clear();
    for (const pending of waiting) pending.reject(lostError(cause));
    const running = [...this.#listeners];
    this.#listeners.clear();
    for (const [id, listener] of running) listener.exited({ id, ...diedWithWarden });
    this.#lost.resolve();
  }

  /** Bytes that make no sense are not the warden's this code was built with: nothing more can be asked of it. */
  #onData(chunk: Buffer): void {
    try {
      for (const message of this.#decoder.push(chunk)) this.#onMessage(message);
    } catch (cause) {
      this.close(cause);
    }
  }

  #onMessage(message: Message): void {
    if (message.request === 0) {
      this.#onEvent(message);
      return;
    }
    const pending = this.#pending.get(message.request);
    if (pending === undefined || pending.verb !== message.verb) {
      throw new Error(`the warden answered request ${message.request} (verb ${message.verb}), which was not asked`);
    }
    this.#pending.delete(message.request);
    try {
      if (message.status !== 0) pending.reject(failureOf(message.body));
      else this.#complete(message, pending);
    } catch (cause) {
      pending.reject(lostError(cause));
      throw cause;
    }
  }

  #onEvent({ verb, body }: Message): void {
    if (verb === proto.COMPLETE) {
      const listener = this.#listeners.get(body.string());
      listener?.complete?.(body.u8() === 1 ? readSpans(body) : failureOf(body));
      return;
    }
    const exit = readExit(body);
    const listener = this.#listeners.get(exit.id);
    this.#listeners.delete(exit.id);
    listener?.exited(exit);
  }

  #complete(message: Message, pending: Pending): void {
    if (pending.descriptors === 0) {
      pending.resolve(message, []);
      return;
    }
    const { request, descriptors } = this.#receive(this.#laneFd, pending.descriptors);
    const count = descriptors?.length ?? pending.descriptors;
    if (request !== message.request || count !== pending.descriptors) {
      for (const fd of descriptors ?? []) closeSync(fd);
      throw new Error(
        `the lane carried ${count} descriptors for request ${request}; ` +
          `wanted ${pending.descriptors} for request ${message.request}`,
      );
    }
    if (descriptors === null) pending.reject(withoutDescriptors(pending));
    else pending.resolve(message, descriptors);
  }
}

/** Whether the request of this error was carried out: what it made is there, and of no use. */
export function isDoneInVain(thrown: unknown): boolean {
  return thrown instanceof TsfnError && thrown.cause === doneInVain;
}

const doneInVain = { step: "receive descriptors", errno: constants.errno.EMFILE, detail: "" };

function withoutDescriptors({ descriptors }: Pending): TsfnError {
  const message = `${descriptors} descriptors of a sandbox were wanted, and the server's limit of open files is reached`;
  const hint = "Retry later, or start the server with a higher limit of open files (ulimit -n, LimitNOFILE=)";
  return new TsfnError("NO_CAPACITY", message, { hint, cause: doneInVain });
}

function failureOf(body: Reader): TsfnError {
  const step = body.string();
  const errno = body.u32();
  const detail = body.string();
  const why = errno === 0 ? "" : `: ${errnoName(errno)}`;
  const code = errnoName(errno) === "ENOSPC" && step.includes("sandboxes") ? "NO_CAPACITY" : "SANDBOX_FAILED";
  return new TsfnError(code, `${step}${why}${detail === "" ? "" : ` (${detail})`}`, { cause: { step, errno, detail } });
}

function errnoName(errno: number): string {
  try {
    return getSystemErrorName(-errno);
  } catch {
    return `errno ${errno}`;
  }
}

/** Nobody can tell any more how the process ended; the kernel ends it with its parent. */
const diedWithWarden = { pid: 0, bySignal: true, status: 9, oomKills: 0, cpuUs: 0, memoryPeakBytes: 0 };

function lostError(cause?: unknown): TsfnError {
  const message = "the warden's control stream is closed; the server is going down";
  return new TsfnError("WARDEN_LOST", message, cause === undefined ? {} : { cause });
}
