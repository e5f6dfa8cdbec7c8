// What a peer of tsfn is to the scenarios: something that serves the same function over HTTP. No code here; one file beside
// this for each of them.

import type { CpuMeter } from "../cpu-meter.ts";
import type { FirstByte } from "../first-byte.ts";

/** Can be started again and again; what does not belong to a start was done in advance. */
export interface ColdPeer {
  readonly name: string;
  /** For the report: what isolates it, how it is reached, what was done in advance. */
  readonly about: string;
  /** Of everything that serves or helps to, daemons included. */
  readonly meter: CpuMeter;
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
