// One scenario in a process of its own: `node scenario-process.ts <name> <rounds> [quick]`, forked by run.ts, which gets the
// report as a message. Whatever ends it early, what the scenario started ends first.

import type { Report } from "./report.ts";
import { scenarios } from "./scenarios/index.ts";

export type Message = { readonly report: Report } | { readonly error: string };

const owner = new AsyncDisposableStack();
let ending = false;

for (const signal of ["SIGINT", "SIGTERM"] as const)
  process.on(signal, () => void finish({ error: `interrupted by ${signal}` }));
// What nobody waits for has failed; without this the process would end and leave behind what it has started.
process.on("uncaughtException", (error) => void finish({ error: described(error) }));

await main(process.argv.slice(2));

async function main([name = "", rounds, quick]: readonly string[]): Promise<void> {
  const scenario = scenarios.get(name);
  if (scenario === undefined) return finish({ error: `there is no scenario "${name}"` });
  try {
    const report = await scenario.run({ rounds: Number(rounds), quick: quick === "quick", owner });
    await finish({ report });
  } catch (error) {
    await finish({ error: described(error) });
  }
}

/**
 * The first end is the true one: what is interrupted fails, because its server goes. A scenario that leaves something behind has
 * failed, whatever it measured.
 */
async function finish(message: Message): Promise<void> {
  if (ending) return;
  ending = true;
  let told = message;
  try {
    await owner.disposeAsync();
  } catch (error) {
    told = { error: `${"error" in message ? `${message.error}\nand then ` : ""}${described(error)}` };
  }
  process.send?.(told, () => process.exit("error" in told ? 1 : 0));
}

function described(error: unknown): string {
  if (error instanceof SuppressedError) return `${described(error.error)}\nafter ${described(error.suppressed)}`;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
