// Every command with the line that help shows for it. Its file is loaded only when it is asked for, which keeps
// `tsfn --help` fast. In the order in which a newcomer needs them.

import type { Command } from "commander";

export interface CommandEntry {
  readonly name: string;
  readonly alias?: string;
  readonly summary: string;
  /** Those that have no server, or one of their own, take no options about which one. */
  readonly asksServer?: false;
  readonly load: () => Promise<CommandModule>;
}

export interface CommandModule {
  /** Adds arguments, options, examples and the action. */
  configure(command: Command): void;
}

export const commands: readonly CommandEntry[] = [
  {
    name: "init",
    summary: "make a directory with a function in it",
    asksServer: false,
    load: () => import("./init.ts"),
  },
  {
    name: "dev",
    summary: "run functions here and reload them on save",
    asksServer: false,
    load: () => import("./dev.ts"),
  },
  { name: "server", summary: "start, stop or look at the server", load: () => import("./server.ts") },
  { name: "deploy", summary: "bundle a directory and make it answer", load: () => import("./deploy.ts") },
  { name: "invoke", summary: "call a function", load: () => import("./invoke.ts") },
  { name: "logs", summary: "show what a function logged", load: () => import("./logs.ts") },
  { name: "list", alias: "ls", summary: "list the deployed functions", load: () => import("./list.ts") },
  { name: "ps", summary: "list the running instances", load: () => import("./ps.ts") },
  { name: "inspect", summary: "show everything about a function", load: () => import("./inspect.ts") },
  { name: "stats", summary: "show what instances use, as it changes", load: () => import("./stats.ts") },
  { name: "versions", summary: "list the versions of a function", load: () => import("./versions.ts") },
  { name: "rollback", summary: "make an older version live again", load: () => import("./rollback.ts") },
  { name: "secret", summary: "keep values that functions must not carry", load: () => import("./secret.ts") },
  { name: "restart", summary: "retire a function's instances", load: () => import("./restart.ts") },
  { name: "rm", summary: "remove functions", load: () => import("./rm.ts") },
  {
    name: "doctor",
    summary: "say what this machine lacks, and the remedy",
    asksServer: false,
    load: () => import("./doctor.ts"),
  },
  { name: "context", summary: "remember servers by name", load: () => import("./context.ts") },
  {
    name: "completion",
    summary: "print a shell's completion script",
    asksServer: false,
    load: () => import("./completion.ts"),
  },
];
