// Who a server is: the ordinary user that tsfnd runs as, and the id that names its kernel objects. Both follow from
// the data directory, so that a restart finds what belongs to it.

import { createHash } from "node:crypto";
import { lstat, readFile } from "node:fs/promises";
import { join } from "node:path";
import { isErrno } from "../../../runtime/errors.ts";

export interface Identity {
  /** First 8 hexadecimal digits of the data directory's hash. */
  readonly id: string;
  readonly uid: number;
  readonly gid: number;
}

/** systemd's range for dynamic users, which no account has (systemd.io/UIDS-GIDS). */
const firstDynamicUid = 61_184;
const dynamicUids = 4_336;

/** @param dataDir without symbolic links */
export async function identify(dataDir: string): Promise<Identity> {
  const hash = createHash("sha256").update(dataDir).digest();
  const owner = await ownerOf(join(dataDir, "layers"));
  const account = await readAccount("/etc/passwd", "tsfn");
  const uid = owner ?? account ?? firstDynamicUid + (hash.readUInt32BE(0) % dynamicUids);
  return { id: hash.toString("hex").slice(0, 8), uid, gid: (await readAccount("/etc/group", "tsfn")) ?? uid };
}

/** What an earlier server wrote stays readable to the next one, whoever was chosen since. */
async function ownerOf(path: string): Promise<number | undefined> {
  try {
    const { uid } = await lstat(path);
    return uid === 0 ? undefined : uid;
  } catch (thrown) {
    if (isErrno(thrown, "ENOENT")) return undefined;
    throw thrown;
  }
}

/** The number of a name in /etc/passwd or /etc/group: the third field of both. */
async function readAccount(file: string, name: string): Promise<number | undefined> {
  const text = await readFile(file, "utf8").catch((thrown: unknown) => {
    if (isErrno(thrown, "ENOENT")) return "";
    throw thrown;
  });
  const found = text.split("\n").find((line) => line.startsWith(`${name}:`));
  const number = Number(found?.split(":")[2] || Number.NaN);
  return Number.isInteger(number) && number > 0 ? number : undefined;
}
