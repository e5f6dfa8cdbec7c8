// tsfn dev: runs functions from their directories, in the foreground, and reloads them on save. The recipe is in dev/.

import { type Command, InvalidArgumentError } from "commander";
import { resolveSettings } from "../../../runtime/config.ts";
import { contextOf, withExamples } from "../context.ts";

interface RunOptions {
  readonly port: number;
  readonly host?: string;
}

export function configure(command: Command): void {
  command
    .argument("[dir...]", "directories of functions (default: this one)")
    .option("-p, --port <port>", "port to listen on; 0 lets the kernel choose", portArgument, 8787)
    .option("--host <address>", "address to listen on (default: 127.0.0.1)")
    .action(async (dirs: readonly string[], options: RunOptions) => dev(dirs, options, command));
  withExamples(command, [
    ["sudo tsfn dev", "the function in this directory"],
    ["sudo tsfn dev ./functions/hello -p 3000", "on another port"],
    ["sudo tsfn dev functions/hello functions/echo", "several at once"],
  ]);
}

async function dev(dirs: readonly string[], { port, host = "127.0.0.1" }: RunOptions, command: Command): Promise<void> {
  const { output } = contextOf(command);
  const address = host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
  // Nothing survives it, and nobody waits for what is in flight when a person presses Ctrl-C.
  const settings = resolveSettings(
    { listen: address, adminListen: "off", durability: "none", graceMs: "1s" },
    process.env,
  );
  const { runDev } = await import("../dev/index.ts");
  process.exitCode = await runDev({ dirs: dirs.length === 0 ? ["."] : dirs, settings, output });
}

function portArgument(text: string): number {
  const port = Number(text);
  if (/^\d{1,5}$/.test(text) && port <= 65_535) return port;
  throw new InvalidArgumentError(`is "${text}"; wanted a number from 0 to 65535`);
}
