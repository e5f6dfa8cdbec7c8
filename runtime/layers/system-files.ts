// The files of a small Linux system that a runtime expects and that are the same on every machine: who is who, how names
// resolve, what system this is.

import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

export const systemFiles: ReadonlyMap<string, string> = new Map([
  [
    "/etc/passwd",
    [
      "root:x:0:0:root:/:/sbin/nologin",
      "function:x:1000:1000:function:/tmp:/sbin/nologin",
      "nobody:x:65534:65534:nobody:/:/sbin/nologin",
      "",
    ].join("\n"),
  ],
  ["/etc/group", "root:x:0:\nfunction:x:1000:\nnogroup:x:65534:\n"],
  ["/etc/hosts", "127.0.0.1 localhost\n::1 localhost\n"],
  ["/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n"],
  // tsfnd's, where the sandbox has a network (native/egress.c); elsewhere nobody is there and asking fails at once.
  ["/etc/resolv.conf", "nameserver 127.0.0.53\n"],
  ["/etc/os-release", `NAME="tsfn"\nID=tsfn\nPRETTY_NAME="tsfn function"\n`],
]);

export async function writeSystemFiles(root: string): Promise<void> {
  for (const [path, content] of systemFiles) {
    await mkdir(join(root, dirname(path)), { recursive: true });
    await writeFile(join(root, path), content);
  }
}
