// Lists the files it finds, then scribbles: ?how= says in which way, ?dir=, ?files= and ?bytes= where and how much. What
// one invocation leaves is what another would find, if it were not for a fresh writable layer.

import { openSync } from "node:fs";
import { chmod, link, mkdir, readdir, rename, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ExportedHandler } from "tsfn";

interface Place {
  readonly directory: string;
  readonly files: number;
  readonly content: Buffer;
}

const ways: ReadonlyMap<string, (place: Place) => Promise<unknown>> = new Map([
  ["files", scatter],
  ["deep", dig],
  ["erase", () => rm("paper.txt")],
  ["rename", () => rename("paper.txt", "stolen.txt")],
  ["replace", ({ content }) => writeFile("other.txt", content).then(() => rename("other.txt", "paper.txt"))],
  ["links", linkAround],
  ["attributes", ({ directory }) => chmod(directory, 0o700).then(() => utimes(directory, 1, 1))],
  ["vanish", (place) => scatter(place).then(() => rm(place.directory, { recursive: true }))],
  ["hold", (place) => scatter(place).then(() => hold(place))],
]);

export default {
  async fetch(request) {
    const { searchParams } = new URL(request.url);
    const how = searchParams.get("how") ?? "files";
    const scribble = ways.get(how);
    if (scribble === undefined) {
      return Response.json({ error: `wanted ?how= with one of ${[...ways.keys()].join(", ")}` }, { status: 400 });
    }
    const directory = searchParams.get("dir") ?? "/tmp/scribble";
    const bytes = Number(searchParams.get("bytes") ?? 16);
    const files = Number(searchParams.get("files") ?? 1);
    try {
      await mkdir(directory, { recursive: true });
      const found = await readdir(directory);
      await scribble({ directory, files, content: Buffer.alloc(bytes, "x") });
      return Response.json({ directory, found, written: files });
    } catch (error) {
      return Response.json({ directory, error: (error as NodeJS.ErrnoException).code }, { status: 507 });
    }
  },
} satisfies ExportedHandler;

async function scatter({ directory, files, content }: Place): Promise<void> {
  await mkdir(directory, { recursive: true });
  for (let index = 0; index < files; index += 1) await writeFile(join(directory, `${index}.txt`), content);
}

/** Every file one level further down. */
async function dig({ directory, files, content }: Place): Promise<void> {
  let deepest = directory;
  for (let index = 0; index < files; index += 1) {
    deepest = join(deepest, "deeper");
    await mkdir(deepest);
    await writeFile(join(deepest, "bottom.txt"), content);
  }
}

async function linkAround(place: Place): Promise<void> {
  await scatter({ ...place, files: 1 });
  await link(join(place.directory, "0.txt"), "hard.txt");
  await symlink("/etc/passwd", "soft.txt");
}

/** A descriptor that nobody closes and a working directory deep in the layer. */
async function hold({ directory }: Place): Promise<void> {
  openSync(join(directory, "0.txt"), "a");
  process.chdir(directory);
}
