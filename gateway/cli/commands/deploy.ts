// tsfn deploy: bundles a directory on this side, uploads it, and says where it answers. The server keeps the old
// version when the new one does not load.

import type { Command } from "commander";
import { now } from "../../../runtime/trace.ts";
import type { Deployed } from "../answers.ts";
import { contextOf, functionPath, pairArgument, withExamples } from "../context.ts";
import type { Output } from "../output.ts";
import { formatProblem } from "../report-error.ts";
import { inDirectory, inModule, placed } from "../source-places.ts";
import { fields, formatBytes, formatMs, formatPrefork, neutralise } from "../terminal.ts";

interface DeployOptions {
  readonly name?: string;
  readonly env?: Readonly<Record<string, string>>;
}

export function configure(command: Command): void {
  command
    .argument("<dir>", "the function's directory")
    .option("--name <name>", "instead of the one in tsfn.json or the directory's")
    .option("-e, --env <NAME=value>", "an environment variable; may be repeated", pairArgument)
    .action(async (directory: string, options: DeployOptions) => deploy(directory, options, command));
  withExamples(command, [
    ["tsfn deploy ./functions/hello", "as its tsfn.json says"],
    ["tsfn deploy . --name greeter -e GREETING=hi", "under another name, with a variable"],
    ["tsfn deploy . --json", "version, digest, size and times as JSON"],
  ]);
}

async function deploy(directory: string, { name, env }: DeployOptions, command: Command): Promise<void> {
  const { output, client } = contextOf(command);
  // The builder is most of the start-up time, so `--help` does without it.
  const { bundleFunction, loadSource, packFunction } = await import("../../../runtime/catalog/index.ts");
  const startedAtMs = now();
  const overrides = { ...(name !== undefined && { name }), ...(env && { env }) };
  const source = await loadSource(directory, overrides).catch((thrown) => inDirectory(directory, thrown));
  const bundle = await bundleFunction(source).catch((thrown) => inDirectory(directory, thrown));
  for (const problem of bundle.warnings)
    output.note(`warning: ${neutralise(formatProblem(placed(problem, directory)))}`);
  const buildMs = now() - startedAtMs;
  const upload = {
    method: "PUT",
    path: functionPath(source.manifest.name),
    headers: { "content-type": "application/x-tar" },
    body: packFunction(bundle, source.manifestText),
  } as const;
  const request = client().json<Deployed>(upload);
  const deployed = await unlessInterrupted(source.manifest.name, output, request).catch((thrown) =>
    inModule(source, thrown),
  );
  output.document({ ...deployed, buildMs: Math.round(buildMs * 10) / 10 });
  output.lines([deployed.url, ...deployed.routes]);
  output.note(summary(deployed, buildMs).join("\n"));
  await startFasterNextTime(output);
}

/** An interrupted upload is refused by the server; a whole one goes its way there without us, which nobody would expect. */
async function unlessInterrupted<Answer>(name: string, output: Output, request: Promise<Answer>): Promise<Answer> {
  const interrupted = () => {
    output.note(`interrupted: what the server has already, it goes on with; see: tsfn versions ${name}`);
    process.kill(process.pid, "SIGINT");
  };
  process.once("SIGINT", interrupted);
  try {
    return await request;
  } finally {
    process.off("SIGINT", interrupted);
  }
}

/** Once all is said: whoever waits, waits for nothing. */
async function startFasterNextTime(output: Output): Promise<void> {
  const { bundleCommand, bundleVariable } = await import("../bundled.ts");
  const path = process.env[bundleVariable];
  if (path === undefined) return;
  await bundleCommand(path).catch((thrown: Error) => {
    output.note(`warning: the next deploy will not start faster: ${path}.cjs cannot be made: ${thrown.message}`);
  });
}

function summary(deployed: Deployed, buildMs: number): string[] {
  const { name, version, unchanged, sizeBytes, storeMs, warmMs, prefork } = deployed;
  if (unchanged) return [`unchanged: ${name}@${version} has this content already and stays live`, next(name)];
  return [
    ...fields([
      ["version", `${name}@${version}`],
      ["size", formatBytes(sizeBytes)],
      ["build", formatMs(buildMs)],
      ["store", formatMs(storeMs)],
      ["warm-up", formatMs(warmMs)],
      ["prefork", formatPrefork(prefork)],
    ]),
    next(name),
  ];
}

function next(name: string): string {
  return `next: tsfn invoke ${name}`;
}
