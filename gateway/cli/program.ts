// The command line as commander sees it: global options, one subcommand per entry of commands/, and how its mistakes
// become ours. Only the commands named in the arguments are loaded.

import { readFileSync } from "node:fs";
import { Command, CommanderError, Help, type Option } from "commander";
import { TsfnError } from "../../runtime/errors.ts";
import { type CommandEntry, commands } from "./commands/index.ts";
import { withExamples } from "./context.ts";

/** @param args without the node and the script. @throws TsfnError; help and the version are printed, not thrown. */
export async function runProgram(args: readonly string[]): Promise<void> {
  if (args[0] === "complete" && args[1] === "--") {
    const { completeLine } = await import("./complete.ts");
    return await completeLine(await buildProgram(commands.map(({ name }) => name)), args.slice(2));
  }
  const program = await buildProgram(args);
  const { words, unknown } = namedCommand(program, args);
  const hint = `See ${[...words, "--help"].join(" ")}`;
  try {
    await program.parseAsync(unknown === undefined ? args : withoutHelp(args), { from: "user" });
  } catch (thrown) {
    if (thrown instanceof CommanderError) {
      // Help or the version, printed because it was asked for.
      if (thrown.exitCode === 0) return;
      throw new TsfnError("USAGE", mistake(thrown, args), { hint });
    }
    const isOpen = thrown instanceof TsfnError && thrown.code === "USAGE" && thrown.fields.hint === undefined;
    throw isOpen ? new TsfnError("USAGE", thrown.message, { ...thrown.fields, hint }) : thrown;
  }
}

/** Known before anything is parsed, because a mistake in parsing is reported as JSON too. */
export function wantsJson(args: readonly string[]): boolean {
  const end = args.indexOf("--");
  return args.slice(0, end === -1 ? args.length : end).includes("--json");
}

/** @param args what is not named in them is not loaded */
async function buildProgram(args: readonly string[]): Promise<Command> {
  const program = new Command("tsfn")
    .description("Serverless functions in real Linux containers.")
    .option("--json", "print JSON: one document, or one per line where a command streams")
    .option("--server <address>", "admin socket or URL of the server (env: TSFN_SERVER)")
    .option("--context <name>", "a server that `context create` remembers (env: TSFN_CONTEXT)")
    .option("--token <token>", "for a server behind a URL (env: TSFN_TOKEN, which other users cannot see)")
    .version(packageVersion(), "-V, --version", "print the version")
    .helpOption("-h, --help", "print this help")
    .helpCommand("help [command]", "print the help of a command")
    .configureHelp({ showGlobalOptions: true, visibleGlobalOptions })
    // Errors are thrown to main.ts, which prints one block for every kind of failure.
    .configureOutput({ outputError: () => {}, writeErr: () => {} })
    .exitOverride();
  for (const entry of commands) await addCommand(program, entry, args);
  return withExamples(program, [
    ["tsfn dev ./functions/hello", "try a function, reload it on save"],
    ["sudo tsfn server start", "start the server in the background"],
    ["tsfn deploy ./functions/hello", "deploy to it"],
  ]);
}

async function addCommand(program: Command, entry: CommandEntry, args: readonly string[]): Promise<void> {
  const command = program.command(entry.name).summary(entry.summary).description(sentence(entry.summary));
  if (entry.alias !== undefined) command.alias(entry.alias);
  // A name may be an argument of another command: that one is then loaded for nothing, and no harm is done.
  if (args.includes(entry.name) || (entry.alias !== undefined && args.includes(entry.alias))) {
    (await entry.load()).configure(command);
  }
}

/** Only what means something to the command. */
function visibleGlobalOptions(this: Help, command: Command): Option[] {
  const all = Help.prototype.visibleGlobalOptions.call(this, command);
  const isAlone = commands.some(({ name, asksServer }) => name === command.name() && asksServer === false);
  return isAlone ? all.filter(({ long }) => long === "--json") : all;
}

/** The command that the arguments name. */
interface Named {
  /** What leads to it, `tsfn` first. */
  readonly words: readonly string[];
  /** What stands in the place of a subcommand and is none; undefined where there is nothing, or no subcommands. */
  readonly unknown: string | undefined;
}

function namedCommand(program: Command, args: readonly string[]): Named {
  let command = program;
  const words = ["tsfn"];
  const options: Option[] = [...program.options];
  let isValue = false;
  for (const arg of args) {
    if (arg === "--") break;
    if (isValue || arg.startsWith("-")) {
      isValue = !isValue && options.some(({ long, short, required }) => required && (arg === long || arg === short));
      continue;
    }
    const next = command.commands.find((one) => one.name() === arg || one.aliases().includes(arg));
    if (next === undefined) {
      return { words, unknown: command.commands.length > 0 && arg !== "help" ? arg : undefined };
    }
    command = next;
    words.push(next.name());
    options.push(...next.options);
  }
  return { words, unknown: undefined };
}

/** Commander would print the help of the program, as if that were what was asked for. */
function withoutHelp(args: readonly string[]): readonly string[] {
  return args.filter((arg) => arg !== "--help" && arg !== "-h");
}

/** Commander's sentences in our words: the value found, and the value wanted. */
function mistake({ code, message }: CommanderError, args: readonly string[]): string {
  if (code === "commander.help") {
    return args[0] === "help"
      ? `unknown command '${args.at(-1)}'`
      : `a command is missing after: ${["tsfn", ...args].join(" ")}`;
  }
  return message
    .replace(/^error: /, "")
    .replace(/^command-argument value ('.*') is invalid for argument '(.*)'\./, "$2 argument $1 is invalid.")
    .replace(/argument '.*' is invalid\. is/, "is")
    .replace(/argument '(.*)' is invalid\. Allowed choices are (.*)\.$/, 'is "$1"; wanted one of $2')
    .replace(/argument missing$/, "has no value")
    .replace(/\n\(Did you mean (.*)\?\)/, "; did you mean $1?");
}

function sentence(summary: string): string {
  return `${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`;
}

function packageVersion(): string {
  const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}
