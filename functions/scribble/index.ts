// Writes ?files= files of ?bytes= bytes below ?dir= and lists what it found there before: what one invocation leaves
// is what the next one of the same instance would see.

import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ExportedHandler } from "tsfn";

export default {
  async fetch(request) {
    const { searchParams } = new URL(request.url);
    const directory = searchParams.get("dir") ?? "/tmp/scribble";
    const files = Number(searchParams.get("files") ?? 1);
    const bytes = Number(searchParams.get("bytes") ?? 16);
    try {
      await mkdir(directory, { recursive: true });
      const found = await readdir(directory);
      const content = Buffer.alloc(bytes, "x");
      for (let index = 0; index < files; index += 1) await writeFile(join(directory, `${index}.txt`), content);
      return Response.json({ directory, found, written: files });
    } catch (error) {
      return Response.json({ directory, error: (error as NodeJS.ErrnoException).code }, { status: 507 });
    }
  },
} satisfies ExportedHandler;
