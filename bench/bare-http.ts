// L6: one plain Node that answers with a constant (bare-http.js), the floor of every warm call.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

export interface BareHttp {
  readonly pid: number;
  readonly port: number;
}

/** It ends with `owner`. */
export async function startBareHttp(owner: AsyncDisposableStack): Promise<BareHttp> {
  const child = spawn(process.execPath, [join(import.meta.dirname, "bare-http.js")], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exited = once(child, "exit");
  owner.defer(async () => {
    child.kill("SIGKILL");
    await exited;
  });
  if (child.pid === undefined) throw new Error(`${process.execPath} did not start`);
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  return { pid: child.pid, port: Number(line.toString()) };
}
