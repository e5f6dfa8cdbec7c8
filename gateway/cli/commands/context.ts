// tsfn context create|list|use|show|rm: servers by name, so that one need not be spelled out each time. The file they are
// kept in is contexts.ts's.

import { readFileSync } from "node:fs";
import type { Command } from "commander";
import { TsfnError } from "../../../runtime/errors.ts";
import { openClient } from "../client.ts";
import { contextOf, serverOf, withExamples } from "../context.ts";
import { type Contexts, contextNamed, contextsPath, readContexts, writeContexts } from "../contexts.ts";
import { type Column, table } from "../terminal.ts";

export function configure(command: Command): void {
  const create = subcommand(command, "create", "remember the server of --server, with the token of --token");
  create
    .argument("<name>", "what to call it")
    .option("--token-file <path>", "read the token from a file; - reads stdin")
    .action((name: string, { tokenFile }: { tokenFile?: string }) => createContext(name, tokenFile, create));
  const list = subcommand(command, "list", "the contexts there are").alias("ls");
  list.action(() => listContexts(list));
  const use = subcommand(command, "use", "make one the current one; without a name, none").argument("[name]", "which");
  use.action((name: string | undefined) => useContext(name ?? null, use));
  const show = subcommand(command, "show", "the server that a command would ask, and why");
  show.action(() => showServer(show));
  const rm = subcommand(command, "rm", "forget contexts").argument("<name...>", "which");
  rm.action((names: readonly string[]) => removeContexts(names, rm));
  const examples = [
    ["tsfn context create prod --server https://tsfn.example.com:8081 --token-file key", "remember a server"],
    ["tsfn context use prod", "ask it from now on"],
    ["tsfn context show", "which server a command would ask"],
  ] as const;
  for (const each of [command, create, list, use, show, rm]) withExamples(each, examples);
}

function subcommand(parent: Command, name: string, summary: string): Command {
  return parent
    .command(name)
    .summary(summary)
    .description(`${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`);
}

/** @param change returns what is to be kept */
async function edit(change: (contexts: Contexts) => Contexts): Promise<void> {
  const path = contextsPath(process.env);
  await writeContexts(path, change(readContexts(path)));
}

async function createContext(name: string, tokenFile: string | undefined, command: Command): Promise<void> {
  const { output } = contextOf(command);
  const { server, token = tokenIn(tokenFile) } = command.optsWithGlobals<{ server?: string; token?: string }>();
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/.test(name)) {
    throw new TsfnError("USAGE", `the context is named "${name}"; wanted letters, digits, ., _ and -`);
  }
  if (server === undefined) throw new TsfnError("USAGE", "--server is missing; wanted a socket's path or a URL");
  // Told now, not at the first use.
  const address = openClient(serverOf({ server }, {}).address).address;
  await edit(({ current, saved }) => {
    if (saved.has(name)) {
      const hint = `Remove it first: tsfn context rm ${name}`;
      throw new TsfnError("CONTEXT_EXISTS", `there is a context "${name}" already`, { hint });
    }
    return { current, saved: new Map([...saved, [name, { server: address, ...(token !== undefined && { token }) }]]) };
  });
  output.document({ name, server: address, hasToken: token !== undefined });
  output.line(name);
  output.note(`next: tsfn context use ${name}`);
}

function tokenIn(file: string | undefined): string | undefined {
  if (file === undefined) return undefined;
  try {
    return readFileSync(file === "-" ? 0 : file, "utf8").trim();
  } catch (cause) {
    throw new TsfnError("USAGE", `--token-file ${file}: ${(cause as Error).message}`, { cause });
  }
}

function listContexts(command: Command): void {
  const { output } = contextOf(command);
  const { current, saved } = readContexts(contextsPath(process.env));
  const rows = [...saved].map(([name, { server, token }]) => ({
    name,
    server,
    hasToken: token !== undefined,
    current: name === current,
  }));
  output.document({ contexts: rows });
  if (rows.length === 0) output.note("There are no contexts. See: tsfn context create --help");
  else output.lines(table(columns, rows));
}

interface ContextRow {
  readonly name: string;
  readonly server: string;
  readonly hasToken: boolean;
  readonly current: boolean;
}

const columns: readonly Column<ContextRow>[] = [
  { title: "NAME", value: (row) => `${row.name}${row.current ? " *" : ""}` },
  { title: "TOKEN", value: ({ hasToken }) => (hasToken ? "yes" : "no") },
  { title: "SERVER", value: ({ server }) => server },
];

async function useContext(name: string | null, command: Command): Promise<void> {
  const { output } = contextOf(command);
  await edit((contexts) => {
    if (name !== null) contextNamed(contexts, name);
    return { ...contexts, current: name };
  });
  output.document({ current: name });
  output.line(name ?? "none");
}

function showServer(command: Command): void {
  const { output } = contextOf(command);
  const { address, token, origin } = serverOf(command.optsWithGlobals(), process.env);
  output.document({ server: address, hasToken: token !== undefined, origin });
  output.line(address);
  output.note(`It comes from ${origin}.`);
}

async function removeContexts(names: readonly string[], command: Command): Promise<void> {
  const { output } = contextOf(command);
  await edit((contexts) => {
    for (const name of names) contextNamed(contexts, name);
    const saved = new Map([...contexts.saved].filter(([name]) => !names.includes(name)));
    const current = contexts.current !== null && saved.has(contexts.current) ? contexts.current : null;
    return { current, saved };
  });
  output.document({ removed: names });
  output.lines(names);
}
