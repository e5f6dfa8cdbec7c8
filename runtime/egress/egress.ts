// tsfnd's side of the way out: starts the worker thread that carries what functions send (egress-worker.ts), when the first
// one may, and hands it each sandbox's sockets. Downloads are another thread's work, so that they delay no answer.

import { closeSync } from "node:fs";
import { Worker } from "node:worker_threads";
import { TsfnError } from "../errors.ts";
import {
  type EgressEvent,
  type EgressRequest,
  egressLimits,
  type GrantedNetwork,
  type NetworkSockets,
} from "./egress-messages.ts";

export interface EgressGrant {
  /** Of the sandbox. */
  readonly id: string;
  /** Of whose instances it is one: a function has no more than its share of what all may have. */
  readonly functionName: string;
  readonly network: GrantedNetwork;
  readonly sockets: NetworkSockets;
  /** Hears what its function should know. */
  readonly notice: (message: string) => void;
  /** The worker died, and its connections with it: the sandbox has no network any more. */
  readonly lost: () => void;
}

export interface Egress {
  /** Before one is opened. @throws TsfnError NO_CAPACITY when as many sandboxes have a network, or will have, as may */
  reserve(): EgressRoom;
  /** Ends every connection of the sandbox at once. Resolves when no socket of it is left; at once where there is none. */
  close(id: string): Promise<void>;
}

/** For one sandbox; nobody else's until it is opened or released. */
export interface EgressRoom {
  /** The sockets are the egress's own from now on. */
  open(grant: EgressGrant): void;
  /** Harmless after `open`, whose room is given back by `close`. */
  release(): void;
}

export interface EgressOptions {
  /** How many descriptors this process may have. */
  readonly openFiles: number;
  readonly fault: (error: Error) => void;
}

export function openEgress(options: EgressOptions): Egress {
  return new WorkerEgress(options);
}

interface Open {
  readonly grant: EgressGrant;
  readonly closed: PromiseWithResolvers<void>;
  /** The worker has its sockets. */
  isTaken: boolean;
}

class WorkerEgress implements Egress {
  readonly #options: EgressOptions;
  readonly #limits;
  readonly #open = new Map<string, Open>();
  #reserved = 0;
  #worker: Worker | null = null;

  constructor(options: EgressOptions) {
    this.#options = options;
    this.#limits = egressLimits(options.openFiles);
  }

  reserve(): EgressRoom {
    this.#assertRoom();
    this.#reserved += 1;
    let isReserved = true;
    const release = (): void => {
      if (isReserved) this.#reserved -= 1;
      isReserved = false;
    };
    const open = (grant: EgressGrant): void => {
      release();
      this.#openNow(grant);
    };
    return { open, release };
  }

  close(id: string): Promise<void> {
    const open = this.#open.get(id);
    if (open === undefined) return Promise.resolve();
    this.#ask({ verb: "close", id });
    return open.closed.promise;
  }

  #assertRoom(): void {
    const { sandboxes } = this.#limits;
    if (this.#open.size + this.#reserved < sandboxes) return;
    const message = `${sandboxes} instances with a network are all that ${this.#options.openFiles} open files allow`;
    throw new TsfnError("NO_CAPACITY", message, {
      hint: "Retry later, or start the server with a higher limit (ulimit -n)",
    });
  }

  #openNow(grant: EgressGrant): void {
    const { id, functionName, network, sockets } = grant;
    this.#open.set(id, { grant, closed: Promise.withResolvers(), isTaken: false });
    this.#ask({ verb: "open", id, functionName, network, sockets });
  }

  #ask(request: EgressRequest): void {
    this.#worker ??= this.#start();
    this.#worker.postMessage(request);
  }

  #start(): Worker {
    // Without the process's own flags, some of which a worker refuses.
    const worker = new Worker(new URL("./egress-worker.ts", import.meta.url), {
      workerData: this.#limits,
      execArgv: [],
    });
    worker.unref();
    worker.on("message", (event: EgressEvent) => this.#hear(event));
    worker.on("error", (error: Error) => this.#options.fault(error));
    worker.once("exit", () => this.#died());
    return worker;
  }

  #hear(event: EgressEvent): void {
    if (event.event === "fault") this.#options.fault(new Error(`egress: ${event.message}`));
    else if (event.event === "notice") this.#open.get(event.id)?.grant.notice(event.message);
    else if (event.event === "closed") this.#forget(event.id);
    else this.#take(event.id);
  }

  #take(id: string): void {
    const open = this.#open.get(id);
    if (open !== undefined) open.isTaken = true;
  }

  /** The sockets that it had taken were closed with it; what it told by then has been heard. The next grant starts another. */
  #died(): void {
    this.#worker = null;
    for (const [id, { grant, isTaken }] of this.#open) {
      this.#forget(id);
      if (!isTaken) this.#closeSockets(grant.sockets);
      grant.lost();
    }
  }

  #closeSockets({ connections, names, nameStreams }: NetworkSockets): void {
    for (const fd of [connections, names, nameStreams]) {
      try {
        closeSync(fd);
      } catch (thrown) {
        this.#options.fault(new Error(`closing a socket that the egress worker did not take: ${thrown}`));
      }
    }
  }

  #forget(id: string): void {
    this.#open.get(id)?.closed.resolve();
    this.#open.delete(id);
  }
}
