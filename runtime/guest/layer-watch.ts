// Whether anything was written to the instance's writable layer since it was last fresh. A file, a directory, a changed
// copy of a layer's file: each takes an inode of the layer's tmpfs; what takes none (chmod, a file made and removed again)
// shows in the times of the directories that a function may write to. Why so: docs/decisions/0007-knowing-a-dirty-layer.md.

import { statfsSync, statSync } from "node:fs";

/** The directories that are the function's own from the start. */
const ownDirectories = ["/app", "/tmp", "/dev/shm"];

export interface LayerWatch {
  isDirty(): boolean;
  /** The layer is fresh: what it looks like now is clean. */
  renew(): void;
  /** Goes to the working directory in the present root: a swap of the root leaves the process in the old one. */
  enter(): void;
}

export function watchLayer(directories: readonly string[] = ownDirectories): LayerWatch {
  const home = process.cwd();
  const chdir = process.chdir.bind(process);
  let clean = "";
  return {
    isDirty: () => fingerprint(directories) !== clean,
    renew() {
      clean = fingerprint(directories);
    },
    enter: () => chdir(home),
  };
}

/** For a process that serves no layer: as in tests. */
export const noLayer: LayerWatch = { isDirty: () => false, renew: () => {}, enter: () => {} };

function fingerprint(directories: readonly string[]): string {
  let text = String(statfsSync("/").ffree);
  for (const path of directories) {
    const stats = statSync(path, { bigint: true, throwIfNoEntry: false });
    text += `,${stats?.ctimeNs}`;
  }
  return text;
}
