// The metrics as Prometheus itself sees them: its linter, and a real server that scrapes them and answers a query.

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { functionOf, temporaryDirectory } from "../support/function-directory.ts";
import { openRemoteDaemon, type RemoteDaemon } from "../support/remote-daemon.ts";
import { until } from "../support/until.ts";

const calls = 7;

async function used(t: ExecutionContext): Promise<RemoteDaemon> {
  const daemon = await openRemoteDaemon(t);
  const body = `if (request.url.endsWith("/fail")) throw new Error("x"); return new Response("ok");`;
  await daemon.deploy(functionOf(t, { name: "counted" }, body));
  for (let call = 0; call < calls; call += 1) await (await fetch(`${daemon.url}/function/counted`)).text();
  await (await fetch(`${daemon.url}/function/counted/fail`)).text();
  return daemon;
}

/** Every name of the documentation. */
const names = [
  "tsfn_invocations_total",
  "tsfn_invocation_duration_seconds",
  "tsfn_queue_wait_seconds",
  "tsfn_cold_starts_total",
  "tsfn_cold_start_duration_seconds",
  "tsfn_instances",
  "tsfn_queue_depth",
  "tsfn_errors_total",
  "tsfn_instance_cpu_seconds_total",
  "tsfn_instance_memory_bytes",
  "tsfn_build_info",
];

test("promtool finds nothing to complain about, and every metric is there", async (t) => {
  const daemon = await used(t);
  const { text } = await daemon.admin("GET", "/metrics");
  const { status, stdout, stderr, error } = spawnSync("promtool", ["check", "metrics"], {
    input: text,
    encoding: "utf8",
  });
  t.is(error, undefined, "promtool is in Debian's package prometheus");
  t.is(status, 0, `${stdout}${stderr}`);
  t.is(stderr, "");
  for (const name of names) {
    t.true(text.includes(`# HELP ${name} `) && text.includes(`# TYPE ${name} `), name);
    t.regex(text, new RegExp(`^${name}(_bucket)?(\\{| )`, "m"), `${name} has a sample`);
  }
});

test("a Prometheus scrapes the admin API with its token, and a query returns the calls that were made", async (t) => {
  const daemon = await used(t);
  const prometheus = await startPrometheus(t, daemon);
  const query = async (text: string): Promise<string | undefined> => {
    const response = await fetch(`${prometheus}/api/v1/query?query=${encodeURIComponent(text)}`);
    const { data } = (await response.json()) as { data?: { result: { value: [number, string] }[] } };
    return data?.result[0]?.value[1];
  };
  const counted = 'tsfn_invocations_total{function="counted",code="200"}';
  await until("it has scraped", async () => (await query(counted)) !== undefined);
  t.is(await query(counted), String(calls));
  t.is(await query('sum(tsfn_invocations_total{function="counted"})'), String(calls + 1));
  t.is(await query('tsfn_errors_total{function="counted",reason="FUNCTION_ERROR"}'), "1");
  t.is(await query('tsfn_invocation_duration_seconds_count{function="counted"}'), String(calls + 1));
  t.is(await query('sum(tsfn_cold_starts_total{function="counted"})'), "1");
  t.is(await query('up{job="tsfn"}'), "1");
});

/** Resolves with its URL once it answers. */
async function startPrometheus(t: ExecutionContext, { adminUrl, token }: RemoteDaemon): Promise<string> {
  const directory = temporaryDirectory(t);
  const tokenFile = join(directory, "token");
  writeFileSync(tokenFile, token);
  const scrape = {
    job_name: "tsfn",
    authorization: { credentials_file: tokenFile },
    static_configs: [{ targets: [new URL(adminUrl).host] }],
  };
  const config = { global: { scrape_interval: "1s" }, scrape_configs: [scrape] };
  // JSON is YAML.
  writeFileSync(join(directory, "prometheus.yml"), JSON.stringify(config));
  const address = `127.0.0.1:${await freePort()}`;
  const flags = [
    `--config.file=${join(directory, "prometheus.yml")}`,
    `--storage.tsdb.path=${join(directory, "data")}`,
    `--web.listen-address=${address}`,
  ];
  const child = spawn("prometheus", flags, { stdio: ["ignore", "ignore", "pipe"] });
  const said: string[] = [];
  child.stderr.setEncoding("utf8").on("data", (piece: string) => said.push(piece));
  t.teardown(() => end(child));
  await until("Prometheus is ready", async () => {
    if (child.exitCode !== null) throw new Error(`Prometheus exited with ${child.exitCode}: ${said.join("")}`);
    return await fetch(`http://${address}/-/ready`).then(
      ({ ok }) => ok,
      () => false,
    );
  });
  return `http://${address}`;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGKILL");
  await once(child, "exit");
}

/** Prometheus does not say which port the kernel chose for it. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}
