// A real zygote under a test's real warden: Node in a sandbox of its own, and clones that are told what to do.

import { copyFileSync, mkdirSync } from "node:fs";
import type { Socket } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { TestFn } from "ava";
import type { NodeName } from "../../runtime/catalog/index.ts";
import { copyHostFiles, findGuestLibraries, findHostFiles } from "../../runtime/layers/host-files.ts";
import type { ForkedProcess, Sandbox, SandboxClaim, SandboxProcess } from "../../runtime/sandbox/index.ts";
import { root } from "../architecture/tree.ts";
import { shareWarden, spec, type TestWarden } from "./warden.ts";

const layer = "c".repeat(64);
const limits = { memoryBytes: 256 << 20, cpus: 2, pids: 64, diskBytes: 8 << 20, diskInodes: 512, openFiles: 256 };
const claim: SandboxClaim = { hostname: "claimed", layers: [layer], limits };

export interface TestZygote {
  readonly sandbox: Sandbox;
  readonly process: SandboxProcess;
  /** Into a generic sandbox of its own. */
  fork(changes?: Partial<SandboxClaim>): Promise<Clone>;
}

export interface Clone {
  readonly sandbox: Sandbox;
  readonly process: ForkedProcess;
  /** One word of fixtures/zygote.cjs, and its answer. */
  ask(word: string): Promise<string>;
  tell(word: string): void;
}

export interface SharedZygote {
  readonly warden: TestWarden;
  readonly zygote: TestZygote;
}

/** One warden with one zygote, for all the tests of a file: `use` gets them before the first one; they end after the last. */
export function shareZygote(test: TestFn, use: (shared: SharedZygote) => void, node: NodeName = "node26"): void {
  shareWarden(test, async (warden) => {
    await addNodeLayer(warden, node);
    use({ warden, zygote: await startZygote(warden) });
  });
}

/** Once per warden, before the first zygote. */
export async function addNodeLayer({ dataDir }: TestWarden, node: NodeName = "node26"): Promise<void> {
  const directory = join(dataDir, "layers", layer);
  mkdirSync(directory);
  await copyHostFiles([...(await findHostFiles(node)), ...findGuestLibraries()], directory);
  copyFileSync(join(root, "test/native/fixtures/zygote.cjs"), join(directory, "opt/tsfn/zygote.cjs"));
}

export async function startZygote(warden: TestWarden): Promise<TestZygote> {
  const sandbox = await warden.sandboxes.create(spec({ kind: "zygote", layers: [layer], ...limits }));
  const process = await sandbox.start({
    argv: ["/usr/local/bin/node", "--v8-pool-size=1", "--single-threaded", "--disable-sigusr1", "/opt/tsfn/zygote.cjs"],
    env: { LD_PRELOAD: "/opt/tsfn/libtsfn.so" },
    cwd: "/app",
  });
  const next = lines(process.wire);
  if ((await next()) !== "warm") throw new Error("the zygote did not start");
  return {
    sandbox,
    process,
    fork: async (changes = {}) => fork(await generic(warden), sandbox, { ...claim, ...changes }),
  };
}

export function generic(warden: TestWarden): Promise<Sandbox> {
  return warden.sandboxes.create(spec({ layers: [], ...limits }));
}

export const usualClaim = claim;

async function fork(sandbox: Sandbox, zygote: Sandbox, claimed: SandboxClaim): Promise<Clone> {
  const process = await sandbox.fork(zygote, claimed);
  const next = lines(process.wire);
  const born = await next();
  if (born !== "born") throw new Error(`the clone said ${born}`);
  // The warden may hear of it later than we do.
  await process.complete;
  const tell = (word: string): void => void process.wire.write(`${word}\n`);
  return {
    sandbox,
    process,
    tell,
    ask(word) {
      tell(word);
      return next();
    },
  };
}

/** The lines of a stream one by one; "" after its end. */
function lines(stream: Socket): () => Promise<string> {
  stream.on("error", () => {});
  const iterator = createInterface({ input: stream })[Symbol.asyncIterator]();
  return async () => {
    const { done, value } = await iterator.next();
    return done === true ? "" : value;
  };
}
