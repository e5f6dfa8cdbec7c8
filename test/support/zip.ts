// A zip archive made by an ordinary tool: Python's, which every machine that runs the tests has.

import { execFileSync } from "node:child_process";

const program = `
import io, json, sys, zipfile
out = io.BytesIO()
with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
    for name, entry in json.load(sys.stdin).items():
        info = zipfile.ZipInfo(name)
        info.compress_type = zipfile.ZIP_DEFLATED
        info.external_attr = entry.get("mode", 0o100644) << 16
        archive.writestr(info, entry["text"])
sys.stdout.buffer.write(out.getvalue())
`;

export interface ZipEntry {
  readonly text: string;
  /** Of stat(2), with the type of the file. */
  readonly mode?: number;
}

export function zipOf(files: Readonly<Record<string, string | ZipEntry>>): Buffer {
  const entries = Object.entries(files).map(([name, file]) => [name, typeof file === "string" ? { text: file } : file]);
  return execFileSync("python3", ["-c", program], { input: JSON.stringify(Object.fromEntries(entries)) });
}
