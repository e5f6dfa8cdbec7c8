// What egress.ts and its worker thread say to each other, and what bounds them. Types and numbers only; a structured clone
// carries the messages. Descriptors are numbers of the one process that both are in.

/** The manifest's `network`, where it is not "none". */
export type GrantedNetwork = "internet" | readonly Destination[];

export interface Destination {
  readonly host: string;
  readonly port: number;
}

/** What native/proto.h tells of PROTO_NETWORK_OPEN. Whoever gets them owns them. */
export interface NetworkSockets {
  readonly connections: number;
  readonly names: number;
  readonly nameStreams: number;
}

export type EgressRequest =
  /** → taken */
  | {
      readonly verb: "open";
      /** Of the sandbox. */
      readonly id: string;
      /** Of whose instances it is one. */
      readonly functionName: string;
      readonly network: GrantedNetwork;
      readonly sockets: NetworkSockets;
    }
  /** → closed, when no descriptor of it is left */
  | { readonly verb: "close"; readonly id: string };

export type EgressEvent =
  /** The sockets that came with its `open` are the worker's from now on. */
  | { readonly event: "taken"; readonly id: string }
  | { readonly event: "closed"; readonly id: string }
  /** A line for the function's log. */
  | { readonly event: "notice"; readonly id: string; readonly message: string }
  /** Something of the worker's own went wrong. */
  | { readonly event: "fault"; readonly message: string };

export interface EgressLimits {
  /** Sandboxes with a network. */
  readonly sandboxes: number;
  /** Connections of all of them. */
  readonly connections: number;
  readonly connectionsPerFunction: number;
  readonly connectionsPerSandbox: number;
  readonly lookups: number;
  readonly lookupsPerFunction: number;
  readonly lookupsPerSandbox: number;
  /** To the name server, over TCP. */
  readonly nameStreamsPerSandbox: number;
  readonly connectTimeoutMs: number;
  /** Nothing came or went for so long. */
  readonly idleTimeoutMs: number;
  /** The function is done, and its destination does not take what is left. */
  readonly lingerTimeoutMs: number;
  /** Until the server's resolvers have answered. */
  readonly lookupTimeoutMs: number;
}

/** Of what all functions have together, so that it takes several to leave nothing to the others. */
const mostOfOneFunction = 1 / 3;
const lookups = 256;

/** A tenth of the descriptors for those that listen, a tenth for those that are connected, two for each. */
export function egressLimits(openFiles: number): EgressLimits {
  const share = Math.min(20_000, openFiles) / 10;
  const connections = Math.max(2, Math.floor(share / 2));
  return {
    sandboxes: Math.max(1, Math.floor(share / 3)),
    connections,
    connectionsPerFunction: Math.max(1, Math.floor(connections * mostOfOneFunction)),
    connectionsPerSandbox: 256,
    lookups,
    lookupsPerFunction: Math.floor(lookups * mostOfOneFunction),
    lookupsPerSandbox: 32,
    nameStreamsPerSandbox: 8,
    connectTimeoutMs: 10_000,
    idleTimeoutMs: 600_000,
    lingerTimeoutMs: 10_000,
    lookupTimeoutMs: 5_000,
  };
}
