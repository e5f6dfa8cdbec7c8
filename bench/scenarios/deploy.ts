// M9: from the command `tsfn deploy` to the first answer of the new version, against what bundling and starting a bare node
// take; and the same command when nothing has changed.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, cpSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { now } from "../../runtime/trace.ts";
import { example } from "../../test/support/function-directory.ts";
import { prepareBareNodes } from "../bare-node.ts";
import { getFirstByte, requireStatus } from "../first-byte.ts";
import { makePlace } from "../place.ts";
import type { Report } from "../report.ts";
import type { ScenarioOptions } from "../scenario.ts";
import { medianRatio } from "../statistics.ts";
import { startTsfn, type Tsfn, untilQuiet } from "../tsfn.ts";
import { takeTurns } from "../turns.ts";

export async function runDeploy({ rounds, owner }: ScenarioOptions): Promise<Report> {
  const tsfn = await startTsfn(owner);
  const place = makePlace(owner);
  const directory = join(place, "hello");
  cpSync(example("hello"), directory, { recursive: true });
  const bare = await prepareBareNodes(owner, example("hello"));
  let round = 0;
  const contenders = new Map<string, () => Promise<number>>([
    [
      "deploy, changed",
      () => {
        round += 1;
        appendFileSync(join(directory, "index.ts"), `\nexport const round${round} = ${round};\n`);
        return deployAndCall(tsfn, directory);
      },
    ],
    ["deploy, unchanged", () => deployAndCall(tsfn, directory)],
    ["esbuild", () => bundle(join(directory, "index.ts"), join(place, "bundle.mjs"))],
    [
      "bare node (L4)",
      async () => {
        const node = bare.spawn();
        try {
          return (await node.firstByte()).firstByteAtMs - node.spawnedAtMs;
        } finally {
          await node.end();
        }
      },
    ],
  ]);
  await deployAndCall(tsfn, directory);
  // What a deploy leaves to do, such as the next zygote made ahead, is nobody else's to wait for.
  const quietly = [...contenders].map(([name, contender]) => {
    const run = async () => {
      await untilQuiet(tsfn.readCpuUs);
      return await contender();
    };
    return [name, run] as const;
  });
  const taken = await takeTurns(new Map(quietly), { rounds, warmUpRounds: 1 });
  const samples = (name: string) => taken.get(name) ?? [];
  const least = samples("esbuild").map((ms, index) => ms + (samples("bare node (L4)")[index] ?? Number.NaN));
  return {
    title: `tsfn deploy of functions/hello to the first answer of the new version, ${rounds} rounds in turns`,
    setup: [
      "from the spawn of the command to the first byte of a call made when it has ended; a zygote that has loaded nothing is ready",
      "the command has run before: Node has its compiled code in a cache, and its modules are bundled",
      "esbuild: its command bundles the same file; bare node: from the spawn to its first byte",
    ],
    subjects: [...taken].map(([name, all]) => ({
      name,
      reference: !name.startsWith("deploy"),
      measures: [{ name: "wall", unit: "ms" as const, samples: all }],
    })),
    claims: [
      {
        text: "M9 deploy to the first answer / (esbuild + L4)",
        ratio: medianRatio(samples("deploy, changed"), least),
        wanted: { atMost: 2 },
      },
      {
        text: "M9 the same deploy again / deploy",
        ratio: medianRatio(samples("deploy, unchanged"), samples("deploy, changed")),
        wanted: { atMost: 0.1 },
      },
    ],
    notes: [
      "A deploy that changes nothing is all command line: the start of Node, which alone is more than a tenth, of the bundler, and one question.",
    ],
  };
}

async function deployAndCall(tsfn: Tsfn, directory: string): Promise<number> {
  const startedAtMs = now();
  await tsfn.server.deploy(directory);
  const answer = await getFirstByte(tsfn.port(), "/function/hello", () => undefined);
  requireStatus(answer);
  return answer.firstByteAtMs - startedAtMs;
}

/** The program itself: npm's command is a Node script around it. */
async function bundle(from: string, to: string): Promise<number> {
  const program = createRequire(createRequire(import.meta.url).resolve("esbuild")).resolve(
    `@esbuild/linux-${process.arch}/bin/esbuild`,
  );
  const startedAtMs = now();
  const child = spawn(program, [from, "--bundle", "--platform=node", "--format=esm", `--outfile=${to}`], {
    stdio: ["ignore", "ignore", "ignore"],
  });
  const [code] = await once(child, "exit");
  if (code !== 0) throw new Error(`esbuild exited with ${code}`);
  return now() - startedAtMs;
}
