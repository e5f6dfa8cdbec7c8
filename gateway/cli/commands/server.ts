// tsfn server start|stop|status: the life of a server on this machine. How it is started is in server/.

import type { Command } from "commander";
import type { ServerInfo } from "../answers.ts";
import { contextOf, withExamples } from "../context.ts";
import {
  requireRoot,
  settingsFromOptions,
  startInBackground,
  startInForeground,
  stopServer,
  withSettings,
} from "../server/index.ts";
import { fields, formatAge } from "../terminal.ts";

export function configure(command: Command): void {
  const start = subcommand(command, "start", "start a server, in the background").option(
    "--foreground",
    "stay until it ends, with its log on stdout",
  );
  withSettings(start).action(async (options) => startServer(options, start));
  const stop = subcommand(command, "stop", "answer what is in flight, then end it");
  stop.action(async () => stopRunning(stop));
  const status = subcommand(command, "status", "say whether a server answers, and where");
  status.action(async () => showStatus(status));
  for (const each of [stop, status]) each.option("--admin <path>", "its admin socket; the same as --server");
  const examples = [
    ["sudo tsfn server start", "in the background, on 127.0.0.1:8080"],
    ["sudo tsfn server start --foreground --listen :80", "as a service, on every address"],
    ["sudo tsfn server stop --admin /run/other/admin.sock", "one of several"],
  ] as const;
  for (const each of [command, start, stop, status]) withExamples(each, examples);
}

function subcommand(parent: Command, name: string, summary: string): Command {
  return parent
    .command(name)
    .summary(summary)
    .description(`${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`);
}

async function startServer(options: Readonly<Record<string, unknown>>, command: Command): Promise<void> {
  const { output } = contextOf(command);
  const settings = settingsFromOptions(options, process.env);
  requireRoot("starting a server");
  const announce = (info: ServerInfo): void => {
    output.document({ ...info, adminSocket: settings.adminSocket });
    const tell = options.foreground === true ? output.note : output.line;
    fields([
      ["url", info.url],
      ["admin", settings.adminSocket],
      ...adminUrlField(info),
      ["pid", String(info.wardenPid)],
    ]).forEach(tell);
    output.note("next: tsfn deploy ./functions/hello");
  };
  if (options.foreground === true) process.exitCode = await startInForeground(settings, announce);
  else announce(await startInBackground(settings));
}

async function stopRunning(command: Command): Promise<void> {
  const { output, client } = contextOf(command);
  const { url, wardenPid } = await stopServer(client());
  output.document({ stopped: true, url, wardenPid });
  output.note(`The server at ${url} has stopped.`);
}

async function showStatus(command: Command): Promise<void> {
  const { output, client } = contextOf(command);
  const server = client();
  const info = await server.json<ServerInfo>({ method: "GET", path: "/v1/info" });
  output.document(info);
  output.lines(
    fields([
      ["url", info.url],
      ["admin", server.address],
      ...adminUrlField(info),
      ["data", info.dataDir],
      ["pid", `${info.wardenPid} (warden), ${info.pid} (tsfnd)`],
      ["version", info.version],
      ["up", formatAge(info.uptimeS * 1000)],
    ]),
  );
}

/** Of the admin API over TCP, where it is on. */
function adminUrlField({ adminUrl }: ServerInfo): (readonly [string, string])[] {
  return adminUrl === null ? [] : [["admin url", adminUrl]];
}
