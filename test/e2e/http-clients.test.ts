// The HTTP clients that people aim at a server, against functions of a whole server: each gets as many answers as it asked
// for and sees no error. ab speaks HTTP/1.0, the others 1.1 with the habits of four different libraries.

import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import test, { type ExecutionContext } from "ava";
import { root } from "../architecture/tree.ts";
import { example, temporaryDirectory } from "../support/function-directory.ts";
import { type Server, startServer } from "../support/server.ts";

let server: Server;
const undo: (() => unknown)[] = [];

test.before(async () => {
  server = await startServer({ teardown: (act) => undo.push(act) });
  for (const name of ["hello", "echo"]) await server.deploy(example(name));
});

test.after.always(async () => {
  for (const act of undo.reverse()) await act();
});

const requests = 1_000;
const greeting = `{"message":"Hello, world!"}`;
const body = "0123456789abcdef".repeat(200);

const url = (name: string): string => `${server.url()}/function/${name}`;

/** What the program printed. @throws when it ends with another status than 0 */
async function run(program: string, ...args: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(program, args, { maxBuffer: 2 ** 26, cwd: root });
  return stdout;
}

function file(t: ExecutionContext, name: string, content: string | Buffer): string {
  const path = join(temporaryDirectory(t), name);
  writeFileSync(path, content);
  return path;
}

test.serial("curl: every way to send and to receive a body", async (t) => {
  const curl = (...args: string[]) => run("curl", "--silent", "--show-error", "--fail", ...args);
  const big = Buffer.from(body.repeat(1_000));
  const upload = file(t, "upload", big);
  const same = (answer: string) => t.true(Buffer.from(answer, "latin1").equals(big));
  t.is(await curl(url("hello")), greeting);
  t.is(await curl("--data", '{"name":"you"}', url("hello")), `{"message":"Hello, you!"}`);
  t.regex(await curl("--head", url("hello")), /^HTTP\/1\.1 200 OK\r\n/);
  t.is(await curl("--http1.0", url("hello")), greeting);
  t.is(await curl("--http2", url("hello")), greeting, "an upgrade to HTTP/2 is offered and not taken");
  t.is(await curl("--compressed", url("hello")), greeting);
  same(await curl("--data-binary", `@${upload}`, url("echo")));
  same(await curl("--header", "Expect: 100-continue", "--data-binary", `@${upload}`, url("echo")));
  same(await curl("--header", "Transfer-Encoding: chunked", "--upload-file", upload, url("echo")));
  same(await curl("--http1.0", "--upload-file", upload, url("echo")));
  t.regex(await curl("--form", `part=@${file(t, "part", "what is in it")}`, url("echo")), /\r\n\r\nwhat is in it\r\n/);
});

test.serial("curl: connections are used again, and many are open at once", async (t) => {
  const quiet = ["--silent", "--show-error", "--fail", "--output", "/dev/null"];
  const each = ["--write-out", "%{http_code} %{num_connects}\\n"];
  const inTurn = await run("curl", ...quiet, ...each, `${url("hello")}?[1-100]`);
  t.is(inTurn, `200 1\n${"200 0\n".repeat(99)}`);
  const atOnce = await run(
    "curl",
    ...quiet,
    ...each,
    "--parallel",
    "--parallel-immediate",
    `${url("hello")}?[1-${requests}]`,
  );
  t.is(atOnce.match(/^200 /gm)?.length, requests);
});

for (const keepAlive of [[], ["-k"]]) {
  test.serial(
    `${["ab", ...keepAlive].join(" ")}: ${requests} requests over HTTP/1.0, with and without a body`,
    async (t) => {
      const ab = async (...args: string[]) => {
        const report = await run("ab", "-q", ...keepAlive, "-n", String(requests), "-c", "32", ...args);
        t.regex(report, new RegExp(`^Complete requests: +${requests}$`, "m"));
        t.regex(report, /^Failed requests: +0$/m);
        t.notRegex(report, /^Non-2xx responses/m);
        return report;
      };
      const greeted = await ab(url("hello"));
      t.regex(greeted, new RegExp(`^HTML transferred: +${requests * greeting.length} bytes$`, "m"));
      if (keepAlive.length > 0) t.regex(greeted, new RegExp(`^Keep-Alive requests: +${requests}$`, "m"));
      const echoed = await ab("-p", file(t, "body", body), "-T", "text/plain", url("echo"));
      t.regex(echoed, new RegExp(`^HTML transferred: +${requests * body.length} bytes$`, "m"));
    },
  );
}

test.serial(`h2load --h1: ${requests} requests, also pipelined, with and without a body`, async (t) => {
  const h2load = async (...args: string[]) => {
    const report = await run("h2load", "--h1", "-n", String(requests), "-c", "32", ...args);
    const counts = ["total", "started", "done", "succeeded"].map((what) => `${requests} ${what}, `).join("");
    t.true(report.includes(`requests: ${counts}0 failed, 0 errored, 0 timeout\n`), report);
    t.true(report.includes(`status codes: ${requests} 2xx, 0 3xx, 0 4xx, 0 5xx\n`), report);
    return report;
  };
  t.true((await h2load(url("hello"))).includes(`(${requests * greeting.length}) data`));
  t.true((await h2load("-m", "8", url("hello"))).includes(`(${requests * greeting.length}) data`));
  t.true((await h2load("-d", file(t, "body", body), url("echo"))).includes(`(${requests * body.length}) data`));
});

test.serial("wrk: for two seconds, with and without a body, and the server counted every answer", async (t) => {
  // https://github.com/wg/wrk/blob/master/SCRIPTING
  const summing = `done = function(summary)
    local errors = summary.errors
    io.write(string.format('{"requests":%d,"errors":[%d,%d,%d,%d,%d]}\\n', summary.requests,
      errors.connect, errors.read, errors.write, errors.status, errors.timeout))
  end\n`;
  const posting = `wrk.method = "POST"\nwrk.body = "${body}"\nwrk.headers["content-type"] = "text/plain"\n`;
  for (const [name, script] of [
    ["hello", summing],
    ["echo", posting + summing],
  ] as const) {
    const before = await answered(name);
    const report = await run("wrk", "-t", "2", "-c", "32", "-d", "2s", "-s", file(t, "wrk.lua", script), url(name));
    const summary = JSON.parse(report.trim().split("\n").at(-1) ?? "") as { requests: number; errors: number[] };
    t.deepEqual(summary.errors, [0, 0, 0, 0, 0], report);
    t.true(summary.requests > 0, report);
    t.true((await answered(name)) - before >= summary.requests, report);
  }
});

test.serial(`autocannon: ${requests} requests, then pipelined ones for two seconds`, async (t) => {
  const program = join(root, "node_modules/autocannon/autocannon.js");
  const autocannon = async (...args: string[]) => {
    const report = JSON.parse(await run(process.execPath, program, "--json", "-c", "32", ...args)) as Record<
      string,
      number
    >;
    t.like(report, { errors: 0, timeouts: 0, mismatches: 0, non2xx: 0, resets: 0 });
    return report["2xx"] ?? 0;
  };
  t.is(await autocannon("-a", String(requests), "--expectBody", greeting, url("hello")), requests);
  const upload = ["-m", "POST", "-H", "content-type=text/plain", "-i", file(t, "body", body), "--expectBody", body];
  t.is(await autocannon("-a", String(requests), ...upload, url("echo")), requests);
  t.true((await autocannon("-d", "2", "-p", "8", "--expectBody", greeting, url("hello"))) > 0);
});

/** How many 200s of a function the server has counted. */
async function answered(name: string): Promise<number> {
  const metrics = await run("curl", "--silent", "--fail", "--unix-socket", server.admin, "http://localhost/metrics");
  const sample = new RegExp(`^tsfn_invocations_total\\{function="${name}",code="200"\\} (\\d+)$`, "m").exec(metrics);
  return Number(sample?.[1] ?? 0);
}
