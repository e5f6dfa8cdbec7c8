// What a peer of tsfn is to the scenarios: something that serves the same function over HTTP. No code here; one file beside
// this for each of them.

import type { NamespaceKind } from "../../test/support/processes.ts";
import type { CpuMeter } from "../cpu-meter.ts";
import type { FirstByte } from "../first-byte.ts";

/** What stands between a peer's program and its host; a test compares it with what the kernel says. */
export interface Isolation {
  /** Of its own. */
  readonly namespaces: readonly NamespaceKind[];
  readonly seccomp: boolean;
  readonly capabilities: number;
  readonly memoryBytes: number;
  readonly pids: number;
  readonly cpus: number;
}

/** Can be started again and again; what does not belong to a start was done in advance. */
export interface ColdPeer {
  readonly name: string;
  /** For the report: what isolates it, how it is reached, what was done in advance. */
  readonly about: string;
  /** Of everything that serves or helps to, daemons included. */
  readonly meter: CpuMeter;
  /** Of the process that serves; undefined when it runs like any other, or in a machine of its own. */
  readonly isolation?: Isolation;
  spawn(): ColdStart;
}

export interface ColdStart {
  readonly spawnedAtMs: number;
  /** Resolves when it has answered its first request. @param onFirstByte as getFirstByte's */
  firstByte(onFirstByte?: () => void): Promise<FirstByte>;
  /** The process that serves, as the host sees it. @throws Error before the first byte is there */
  servingPid(): number;
  /** Resolves when nothing of this start is left. */
  end(): Promise<void>;
}

/** Runs until its owner ends. */
export interface WarmPeer {
  readonly name: string;
  readonly about: string;
  readonly url: string;
  /** By what they do. */
  readonly processes: ReadonlyMap<string, readonly number[]>;
}
