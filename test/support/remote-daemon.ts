// A daemon whose admin API is served over TCP too, with a token of its own.

import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { openTestDaemon, type TestDaemon } from "./daemon.ts";
import { type Owner, temporaryDirectory } from "./function-directory.ts";

export interface RemoteDaemon extends TestDaemon {
  /** Of the admin API over TCP. */
  readonly adminUrl: string;
  readonly token: string;
}

export async function openRemoteDaemon(t: Owner, flags: Readonly<Record<string, string>> = {}): Promise<RemoteDaemon> {
  const token = randomBytes(32).toString("base64");
  const file = join(temporaryDirectory(t), "token");
  writeFileSync(file, `${token}\n`, { mode: 0o600 });
  const daemon = await openTestDaemon(t, { ...flags, adminListen: "127.0.0.1:0", adminTokenSha256: file });
  const { adminUrl } = (await daemon.admin("GET", "/v1/info")).json as { adminUrl: string };
  return { ...daemon, adminUrl, token };
}
