// M10: a fresh writable layer under a running process, after it wrote no file and after 10,000: asked of the warden →
// answered. Against the mounts alone (L7). It happens after the answer has left, so no caller waits for it.

import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { now } from "../../runtime/trace.ts";
import { inside, spec, startWarden } from "../../test/support/warden.ts";
import { startFloor } from "../floor.ts";
import type { Report } from "../report.ts";
import type { ScenarioOptions } from "../scenario.ts";
import { medianRatio } from "../statistics.ts";

const manyFiles = 10_000;
const warmUpRounds = 3;
/** More than enough for the closer to free the files of one reset. */
const freeingMs = 150;

export async function runReset({ rounds, owner }: ScenarioOptions): Promise<Report> {
  const warden = await startWarden({ teardown: (undo) => owner.defer(async () => void (await undo())) });
  const sandbox = await warden.sandboxes.create(
    spec({ diskInodes: manyFiles + 1_000, diskBytes: 256 << 20, memoryBytes: 512 << 20 }),
  );
  owner.defer(() => sandbox.destroy());
  const { pid } = await sandbox.start(inside("echo"));
  const { layers } = sandbox.describe();
  const floor = startFloor(owner, {
    privateKib: 0,
    mappings: 1,
    touchedPages: 0,
    layers: layers.map((digest) => join(warden.dataDir, "layers", digest)),
    cgroups: [],
  });
  const written = join("/proc", String(pid), "root/tmp");
  const reset = async (files: number): Promise<number> => {
    for (let index = 0; index < files; index += 1) writeFileSync(join(written, `${index}.txt`), "x");
    const startedAtMs = now();
    await sandbox.resetLayer();
    const durationMs = now() - startedAtMs;
    const left = readdirSync(written);
    if (left.length > 0) throw new Error(`${left.length} files are left of ${files} after a reset`);
    return durationMs;
  };
  /** What the old layer held is freed meanwhile, by the closer. */
  const settled = async (files: number): Promise<number> => {
    const durationMs = await reset(files);
    await sleep(freeingMs);
    return durationMs;
  };

  const [none, many, mounts]: [number[], number[], number[]] = [[], [], []];
  for (let round = 0; round < warmUpRounds + rounds; round += 1) {
    // In turns, and the other way round every second time.
    const samples =
      round % 2 === 0
        ? { none: await settled(0), many: await settled(manyFiles), mounts: (await floor.round("L7")).wallMs }
        : { mounts: (await floor.round("L7")).wallMs, many: await settled(manyFiles), none: await settled(0) };
    if (round < warmUpRounds) continue;
    none.push(samples.none);
    many.push(samples.many);
    mounts.push(samples.mounts);
  }
  const subject = (name: string, samples: readonly number[]) => ({
    name,
    measures: [{ name: "wall", unit: "ms" as const, samples }],
  });
  return {
    title: `reset of the writable layer, ${rounds} rounds in turns, ${warmUpRounds} before them dropped`,
    setup: [
      "one sandbox with one running process; request to the warden until its reply",
      "the fresh layer was made ahead, when the old one was freed; that is not in the time",
    ],
    subjects: [
      subject("after no file", none),
      subject("after 10,000", many),
      { ...subject("L7", mounts), reference: true },
    ],
    claims: [
      { text: "M10 after 10,000 files / after none", ratio: medianRatio(many, none), wanted: { atMost: 1.2 } },
      { text: "M10 after no file / L7", ratio: medianRatio(none, mounts), wanted: { atMost: 2 } },
    ],
    notes: ["L7 is a tmpfs and an overlay, attached and lazily detached, without a process that has to be moved."],
  };
}
