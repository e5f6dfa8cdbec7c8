// tsfn init: makes a directory with a function in it. On a terminal it asks for what the command line does not say.

import { basename, relative, resolve } from "node:path";
import { type Command, InvalidArgumentError } from "commander";
import { checkName } from "../../../runtime/catalog/index.ts";
import { contextOf, withExamples } from "../context.ts";
import { copyTemplate, isTemplate, type TemplateName, templates } from "../init/index.ts";

interface InitOptions {
  readonly template?: TemplateName;
  readonly yes?: boolean;
}

interface Choice {
  readonly dir: string;
  readonly template: TemplateName;
}

const names = Object.keys(templates).join(", ");

export function configure(command: Command): void {
  command
    .argument("[dir]", "the new directory; its name is the function's (default: hello)")
    .option("-t, --template <name>", `one of ${names} (default: fetch)`, templateArgument)
    .option("-y, --yes", "ask nothing, take the defaults")
    .action(async (dir: string | undefined, options: InitOptions) => init(dir, options, command));
  withExamples(command, [
    ["tsfn init", "asks for the directory and the template"],
    ["tsfn init hello -y", "a function with the fetch handler, in ./hello"],
    ["tsfn init api --template hono", "a Hono app, in ./api"],
  ]);
}

async function init(given: string | undefined, { template, yes = false }: InitOptions, command: Command) {
  const { output } = contextOf(command);
  const asks = !yes && !output.json && process.stdin.isTTY && process.stderr.isTTY && !process.env.CI;
  const choice = asks ? await ask(given, template) : { dir: given ?? "hello", template: template ?? "fetch" };
  if (choice === null) {
    process.exitCode = 130;
    return;
  }
  const dir = resolve(choice.dir);
  const name = checkName(basename(dir), "Name a directory of a-z, 0-9 and -, such as: tsfn init hello");
  const { files, hasDependencies } = await copyTemplate(choice.template, dir, name);
  const shown = relative(process.cwd(), dir) || ".";
  output.document({ directory: dir, name, template: choice.template, files });
  output.line(shown);
  output.note(`made ${files.join(", ")}`);
  const dev = process.geteuid?.() === 0 ? "tsfn dev" : "sudo tsfn dev";
  output.note(`next: cd ${shown}${hasDependencies ? " && npm install" : ""} && ${dev}`);
}

/** null when the person pressed Ctrl-C. Questions are no data, so they go to stderr. */
async function ask(given: string | undefined, template: TemplateName | undefined): Promise<Choice | null> {
  const { isCancel, select, text } = await import("@clack/prompts");
  const output = process.stderr;
  const dir = given ?? (await text({ message: "Directory", defaultValue: "hello", placeholder: "hello", output }));
  if (isCancel(dir)) return null;
  const options = Object.entries(templates).map(([value, hint]) => ({ value, label: value, hint }));
  const chosen = template ?? (await select({ message: "Template", options, initialValue: "fetch", output }));
  return isCancel(chosen) || !isTemplate(chosen) ? null : { dir, template: chosen };
}

function templateArgument(text: string): TemplateName {
  if (isTemplate(text)) return text;
  throw new InvalidArgumentError(`is "${text}"; wanted one of ${names}`);
}
