// libtsfn.so as TypeScript: what Node cannot do by itself. native/libtsfn.h says what each call does.

import { constants } from "node:os";
import { fileURLToPath } from "node:url";
import { getSystemErrorName } from "node:util";
import koffi from "koffi";
import { TsfnError } from "../errors.ts";

/** One packet of the lane. */
export interface LanePacket {
  /** The number of the request that the descriptors answer. */
  readonly request: number;
  /** Close-on-exec; whoever takes the packet owns them. null: this process may not open as many, and has none of them. */
  readonly descriptors: readonly number[] | null;
}

/** Takes packets without blocking. @throws Error with the errno's name when there is none, or it is broken. */
export type LaneReceiver = (laneFd: number, most: number) => LanePacket;

/**
 * What a process has done so far; null when that cannot be told, as when it has ended. By its number in the host's terms.
 * Whether it sleeps is asked only when that is read.
 */
export type ActivityReader = (pid: number) => { readonly cpuMs: number; readonly isAsleep: boolean } | null;

const library = fileURLToPath(new URL("../../native/build/libtsfn.so", import.meta.url));

/** @throws TsfnError INTERNAL when native/ has not been built. */
export function loadLaneReceiver(): LaneReceiver {
  const receive = loadLibrary().func("int tsfn_lane_receive(int, _Out_ uint32_t *, _Out_ int *, int)");
  return (laneFd, most) => {
    const request = new Uint32Array(1);
    const descriptors = new Int32Array(most);
    const count: number = receive(laneFd, request, descriptors, most);
    if (count === -constants.errno.EMFILE) return { request: request[0] ?? 0, descriptors: null };
    if (count < 0) throw new Error(`receiving descriptors from the warden: ${getSystemErrorName(count)}`);
    return { request: request[0] ?? 0, descriptors: [...descriptors.subarray(0, count)] };
  };
}

/** @throws TsfnError INTERNAL when native/ has not been built. */
export function loadActivityReader(): ActivityReader {
  const native = loadLibrary();
  const cpuTime = native.func("int tsfn_cpu_time(int, _Out_ double *)");
  const isAsleep = native.func("int tsfn_is_asleep(int)");
  const milliseconds = new Float64Array(1);
  return (pid) => {
    if (cpuTime(pid, milliseconds) < 0) return null;
    return {
      cpuMs: milliseconds[0] ?? 0,
      get isAsleep() {
        // One that has ended meanwhile could not run.
        return isAsleep(pid) !== 0;
      },
    };
  };
}

/** The kernel ends this process after so many seconds, by SIGALRM, unless it has ended by then (alarm(2)). */
export function endWithin(seconds: number): void {
  try {
    koffi.load(null).func("unsigned int alarm(unsigned int)")(seconds);
  } catch {
    // Without, an end that does not come is the operator's to see.
  }
}

/** @throws TsfnError INTERNAL when native/ has not been built. */
export function loadLibrary(): ReturnType<typeof koffi.load> {
  try {
    return koffi.load(library);
  } catch (cause) {
    throw new TsfnError("INTERNAL", `loading ${library}: ${(cause as Error).message}`, {
      hint: "Build it with: npm install",
      cause,
    });
  }
}
