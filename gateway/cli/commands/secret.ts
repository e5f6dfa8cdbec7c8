// tsfn secret put|list|delete: values that are kept encrypted by the server. A value comes from stdin or a prompt that does not
// echo, never from an argument, which other users could see.

import type { Command } from "commander";
import { TsfnError } from "../../../runtime/errors.ts";
import type { SecretSummary } from "../../../runtime/index.ts";
import { readText } from "../client.ts";
import { contextOf, withExamples } from "../context.ts";
import { type Column, table } from "../terminal.ts";

export function configure(command: Command): void {
  const put = subcommand(command, "put", "make a secret, or give it another value");
  put
    .argument("<name>", "as the variable is to be called")
    .option("--keep-newline", "keep a newline at the end of stdin, which is cut off otherwise")
    .action(async (name: string, options: PutOptions) => putSecret(name, options, put));
  const list = subcommand(command, "list", "list the secrets and who uses them").alias("ls");
  list.action(async () => listSecrets(list));
  const remove = subcommand(command, "delete", "forget secrets").alias("rm");
  remove.argument("<name...>", "the secrets").action(async (names: string[]) => deleteSecrets(names, remove));
  const examples = [
    ["tsfn secret put STRIPE_KEY", "asks for the value"],
    ["tsfn secret put STRIPE_KEY < key.txt", "reads it from a file"],
    ["tsfn secret list", "names, times, and who uses them"],
  ] as const;
  for (const each of [command, put, list, remove]) withExamples(each, examples);
}

interface PutOptions {
  readonly keepNewline?: boolean;
}

function subcommand(parent: Command, name: string, summary: string): Command {
  return parent
    .command(name)
    .summary(summary)
    .description(`${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`);
}

async function putSecret(name: string, { keepNewline = false }: PutOptions, command: Command): Promise<void> {
  const { output, client } = contextOf(command);
  const server = client();
  const value = process.stdin.isTTY ? await ask(name) : await fromStdin(keepNewline);
  await server.json<void>({
    method: "PUT",
    path: secretPath(name),
    headers: { "content-type": "text/plain; charset=utf-8" },
    body: value,
  });
  output.document({ name, kept: true });
  output.line(name);
  output.note(`Name it in tsfn.json: "secrets": ["${name}"]. Functions that do get it with their next instance.`);
}

async function ask(name: string): Promise<string> {
  const { isCancel, password } = await import("@clack/prompts");
  const value = await password({ message: `Value of ${name}`, output: process.stderr });
  if (isCancel(value)) throw new TsfnError("USAGE", "no value was given", { hint: "Type it, or pipe it in" });
  return value;
}

async function fromStdin(keepNewline: boolean): Promise<string> {
  const text = await readText(process.stdin);
  return keepNewline ? text : text.replace(/\r?\n$/, "");
}

async function listSecrets(command: Command): Promise<void> {
  const { output, client } = contextOf(command);
  const answer = await client().json<{ secrets: readonly SecretSummary[] }>({ method: "GET", path: "/v1/secrets" });
  output.document(answer);
  if (answer.secrets.length === 0) output.note("There are no secrets. Make one with: tsfn secret put NAME");
  else output.lines(table(columns, answer.secrets));
}

const columns: readonly Column<SecretSummary>[] = [
  { title: "NAME", value: ({ name }) => name },
  { title: "UPDATED", value: ({ updatedAt }) => updatedAt },
  { title: "USED BY", value: ({ functions }) => functions.join(", ") || "-" },
];

async function deleteSecrets(names: readonly string[], command: Command): Promise<void> {
  const { output, client } = contextOf(command);
  const server = client();
  const deleted: string[] = [];
  for (const name of new Set(names)) {
    await server.json<void>({ method: "DELETE", path: secretPath(name) });
    deleted.push(name);
    output.line(name);
  }
  output.document({ deleted });
}

function secretPath(name: string): string {
  return `/v1/secrets/${encodeURIComponent(name)}`;
}
