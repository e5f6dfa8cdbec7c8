// Whether anything was written to the instance's writable layer since it was last fresh. A file, a directory, a changed
// copy of a layer's file: each takes an inode of the layer's tmpfs; what takes none (chmod, a file made and removed again)
// shows in the times of the directories that a function may write to. Why so: docs/decisions/0007-knowing-a-dirty-layer.md.

import { statfsSync, statSync, writeFileSync } from "node:fs";

/** The directories that are the function's own from the start. */
export const ownDirectories: readonly string[] = ["/app", "/tmp", "/dev/shm", "/run/secrets"];

export interface LayerWatch {
  isDirty(): boolean;
  /** The layer is fresh: what it looks like now is clean. */
  renew(): void;
  /** Writes these files now and into every fresh layer. By path. */
  place(files: Readonly<Record<string, string>>): void;
  /**
   * Leaves the working directory for the root, which a swap moves along: whoever leaves an old layer last waits until the
   * kernel has freed it.
   */
  leave(): void;
  /** From now on what is written stays: the layer lives as long as the process. */
  keep(): void;
  /** Goes to the working directory in the present root, and writes what was placed. */
  enter(): void;
}

/** How it can be told; native code tells it for two thirds of the price (native/layer_watch.c). */
export interface LayerMarks {
  /** What there is now is clean. */
  renew(): void;
  isDirty(): boolean;
}

/** @param home the working directory to be */
export function watchLayer(home: string, marks: LayerMarks): LayerWatch {
  const chdir = process.chdir.bind(process);
  let isKept = false;
  let placed: Readonly<Record<string, string>> = {};
  const write = () => {
    for (const [path, content] of Object.entries(placed)) writeFileSync(path, content, { mode: 0o400, flag: "wx" });
  };
  return {
    isDirty: () => !isKept && marks.isDirty(),
    renew: () => marks.renew(),
    place(files) {
      placed = files;
      write();
    },
    leave: () => chdir("/"),
    keep() {
      isKept = true;
    },
    enter() {
      chdir(home);
      write();
    },
  };
}

/** For a process that serves no layer: as in tests. */
export const noLayer: LayerWatch = {
  isDirty: () => false,
  renew: () => {},
  place: () => {},
  leave: () => {},
  keep: () => {},
  enter: () => {},
};

/** For a process that has no native code to ask. */
export function plainMarks(directories: readonly string[] = ownDirectories): LayerMarks {
  let clean = "";
  return {
    renew() {
      clean = fingerprint(directories);
    },
    isDirty: () => fingerprint(directories) !== clean,
  };
}

function fingerprint(directories: readonly string[]): string {
  let text = String(statfsSync("/").ffree);
  for (const path of directories) {
    const stats = statSync(path, { bigint: true, throwIfNoEntry: false });
    text += `,${stats?.ctimeNs}`;
  }
  return text;
}
