// The way out of one sandbox: accepts its connections and its name server's questions, asks the policy, and has relay.ts and
// name-server.ts do the rest. Every byte and every address here is a stranger's.

import { createSocket, type Socket as DatagramSocket, type RemoteInfo } from "node:dgram";
import { createServer, type Server, type Socket } from "node:net";
import { type OwnAddresses, plainAddress } from "./address-classes.ts";
import type { EgressLimits, NetworkSockets } from "./egress-messages.ts";
import { NameServer } from "./name-server.ts";
import { serveNameStream } from "./name-stream.ts";
import type { Places } from "./places.ts";
import type { Policy } from "./policy.ts";
import { written } from "./policy.ts";
import { relay } from "./relay.ts";
import { reset } from "./reset.ts";
import type { Resolver } from "./resolver.ts";

/** What all sandboxes share. */
export interface SharedEgress {
  readonly limits: EgressLimits;
  readonly own: OwnAddresses;
  readonly resolver: Resolver;
  /** Open ones of all sandboxes. */
  readonly connections: Places;
  readonly lookups: Places;
}

export interface SandboxEgressParts {
  readonly functionName: string;
  readonly policy: Policy;
  readonly sockets: NetworkSockets;
  readonly notice: (message: string) => void;
  readonly fault: (error: Error) => void;
  readonly shared: SharedEgress;
}

/** Of one sandbox: each is told once. */
const maxNotices = 32;

export class SandboxEgress {
  readonly #parts: SandboxEgressParts;
  readonly #names: NameServer;
  /** The sides of each that are open: the function's, the destination's. */
  readonly #connections = new Set<Set<Socket>>();
  readonly #nameStreams = new Set<Socket>();
  readonly #told = new Set<string>();
  readonly #servers: readonly Server[];
  readonly #datagrams: DatagramSocket;

  constructor(parts: SandboxEgressParts) {
    this.#parts = parts;
    const { functionName, policy, sockets, shared } = parts;
    const notice = (message: string) => this.#notice(message);
    this.#names = new NameServer({ functionName, policy, notice, ...shared });
    this.#servers = [
      this.#listen(sockets.connections, (socket) => this.#connection(socket)),
      this.#listen(sockets.nameStreams, (socket) => this.#nameStream(socket)),
    ];
    this.#datagrams = createSocket("udp4");
    this.#datagrams.on("error", parts.fault);
    this.#datagrams.on("message", (question, from) => void this.#question(question, from));
    this.#datagrams.bind({ fd: sockets.names });
  }

  /** Resolves when no descriptor of it is left. */
  async close(): Promise<void> {
    const servers = this.#servers.map((server) => new Promise<void>((closed) => server.close(() => closed())));
    const datagrams = new Promise<void>((closed) => this.#datagrams.close(closed));
    const sockets = [...this.#connections, this.#nameStreams].flatMap((open) => [...open]);
    const ends = sockets.map((socket) => new Promise((closed) => socket.once("close", closed)));
    for (const socket of sockets) reset(socket);
    await Promise.all([...servers, datagrams, ...ends]);
  }

  #listen(fd: number, accepted: (socket: Socket) => void): Server {
    const server = createServer({ allowHalfOpen: true, noDelay: true }, accepted);
    server.on("error", this.#parts.fault);
    return server.listen({ fd });
  }

  #connection(inner: Socket): void {
    const { policy, shared } = this.#parts;
    inner.on("error", ignore);
    const { localAddress, localPort: port } = inner;
    // It was reset before anybody looked.
    if (localAddress === undefined || port === undefined) return void inner.destroy();
    const address = plainAddress(localAddress);
    if (!this.#isAllowed(policy.refusal(address, port) ?? this.#full())) {
      reset(inner);
      return;
    }
    const failed = (code: string) => this.#notice(`network: ${written(address, port)} cannot be reached: ${code}`);
    const isAllowedFrom = (from: string) => this.#isAllowed(policy.refusalFrom(from, address, port));
    this.#count(inner, relay({ inner, address, port, failed, isAllowedFrom, ...shared.limits }));
  }

  #isAllowed(refusal: string | null): boolean {
    if (refusal !== null) this.#notice(`network: ${refusal}`);
    return refusal === null;
  }

  /** It is one as long as either side has a descriptor: a destination that does not read keeps its own. */
  #count(...sides: readonly Socket[]): void {
    const { functionName, shared } = this.#parts;
    const open = new Set(sides);
    this.#connections.add(open);
    shared.connections.enter(functionName);
    for (const side of sides)
      side.once("close", () => {
        open.delete(side);
        if (open.size > 0) return;
        this.#connections.delete(open);
        shared.connections.leave(functionName);
      });
  }

  #full(): string | null {
    const { functionName, shared } = this.#parts;
    const { connectionsPerSandbox } = shared.limits;
    const isFull = this.#connections.size >= connectionsPerSandbox;
    const full = isFull ? `the instance has ${connectionsPerSandbox}` : shared.connections.full(functionName);
    return full === null ? null : `a connection is refused: ${full} open, which is the limit`;
  }

  async #question(question: Buffer, { port, address }: RemoteInfo): Promise<void> {
    const answer = await this.#names.answer(question, "udp");
    if (answer === null) return;
    try {
      this.#datagrams.send(answer, port, address, ignore);
    } catch {
      // It was closed meanwhile.
    }
  }

  #nameStream(socket: Socket): void {
    socket.on("error", ignore);
    if (this.#nameStreams.size >= this.#parts.shared.limits.nameStreamsPerSandbox) {
      reset(socket);
      return;
    }
    this.#nameStreams.add(socket);
    socket.once("close", () => this.#nameStreams.delete(socket));
    void serveNameStream(socket, (question) => this.#names.answer(question, "tcp"));
  }

  #notice(message: string): void {
    if (this.#told.size >= maxNotices || this.#told.has(message)) return;
    this.#told.add(message);
    this.#parts.notice(message);
  }
}

/** The end of a connection is told by its close. */
function ignore(): void {}
