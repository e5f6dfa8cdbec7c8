// libtsfn.so inside a zygote, through koffi. Both lie beside the guest in its layer (runtime/layers/base.ts);
// native/libtsfn.h says what each call does. A process that is not a zygote loads neither.

import type { LayerMarks } from "./layer-watch.ts";

const directory = "/opt/tsfn";

export interface Native {
  /** Before anything is loaded: leaves no work for threads that a clone lacks. */
  prepare(): void;
  /** Whether anything keeps the event loop alive, crypto in the thread pool included, which Node does not list. */
  isBusy(): boolean;
  /** Returns 0 in a clone, and −errno in the zygote when it can fork no more. */
  zygoteWait(controlFd: number): number;
  /** Of these directories; only one of its answers is in use at a time. */
  layerMarks(directories: readonly string[]): LayerMarks;
  /** Takes one byte from a descriptor that never blocks; false when there is none. */
  takeByte(fd: number): boolean;
  /** Two ends of a connected stream. */
  socketpair(): readonly [number, number];
}

interface Library {
  func(signature: string): (...args: unknown[]) => number;
}

export function loadNative(): Native {
  // koffi's own JavaScript only looks for this file.
  const koffi: { readonly exports: { load?(path: string | null): Library } } = { exports: {} };
  process.dlopen(koffi, `${directory}/koffi.node`);
  const library = koffi.exports.load?.(`${directory}/libtsfn.so`);
  const node = koffi.exports.load?.(null);
  if (library === undefined || node === undefined) throw new Error(`${directory}/koffi.node has no function "load"`);
  const loop = node.func("void *uv_default_loop()");
  const isAlive = node.func("int uv_loop_alive(void *)");
  const prepare = library.func("int tsfn_zygote_prepare()");
  const wait = library.func("int tsfn_zygote_wait(int)");
  const watch = library.func("int tsfn_layer_watch(const char *)");
  const renew = library.func("int tsfn_layer_renew()");
  const isDirty = library.func("int tsfn_layer_is_dirty()");
  const take = library.func("int tsfn_take_byte(int)");
  const pair = library.func("int tsfn_socketpair(_Out_ int *)");
  return {
    prepare() {
      const result = prepare();
      if (result < 0) throw new Error(`preparing Node to be forked: errno ${-result}`);
    },
    isBusy: () => isAlive(loop()) !== 0,
    zygoteWait: (controlFd) => wait(controlFd),
    layerMarks(directories) {
      const result = watch(directories.join("\n"));
      if (result < 0) throw new Error(`watching ${directories.join(", ")}: errno ${-result}`);
      return {
        renew() {
          const failed = renew();
          if (failed < 0) throw new Error(`counting the free inodes of /: errno ${-failed}`);
        },
        isDirty: () => isDirty() !== 0,
      };
    },
    takeByte(fd) {
      const result = take(fd);
      if (result < 0) throw new Error(`reading descriptor ${fd}: errno ${-result}`);
      return result === 1;
    },
    socketpair() {
      const ends = new Int32Array(2);
      const result = pair(ends);
      if (result < 0) throw new Error(`making a pair of sockets: errno ${-result}`);
      return [ends[0] ?? -1, ends[1] ?? -1];
    },
  };
}
