// Functions of the runtime "provided" on a real server: programs in several languages that take their invocations over AWS's
// Runtime API, each with everything it needs in its own directory.

import { chmodSync, copyFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import type { ProblemDocument } from "../../runtime/errors.ts";
import { functionDirectory, temporaryDirectory, writeSource } from "../support/function-directory.ts";
import { addProgram, addPython, addRuntimeClient, compileStatic } from "../support/host-programs.ts";
import { type Server, startServer } from "../support/server.ts";
import { until } from "../support/until.ts";

const undo: (() => unknown)[] = [];
const owner = { teardown: (step: () => unknown) => void undo.unshift(step) };
let server: Server;
let program: string;
test.before(async () => {
  program = join(temporaryDirectory(owner), "bootstrap");
  compileStatic("test/e2e/programs/bootstrap.c", program);
  server = await startServer(owner);
});
test.after.always(async () => {
  for (const step of undo) await step();
});

/** All do the same: echo the event, unless a word in it says otherwise. */
const shell = `#!/app/bin/bash
api=http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime
while :; do
  event=$(curl -sS -D /tmp/head "$api/invocation/next")
  while IFS=': ' read -r name value; do
    [ "\${name,,}" = lambda-runtime-aws-request-id ] && id=\${value%$'\\r'}
  done < /tmp/head
  echo "serving $id"
  case $event in
    *act=error*) curl -sS -o /dev/null "$api/invocation/$id/error" -d '{"errorType":"Asked","errorMessage":"to fail"}' ;;
    *act=exit*) exit 3 ;;
    *act=hang*) read -r < <(curl -sS "$api/invocation/next") ;;
    *) curl -sS -o /dev/null "$api/invocation/$id/response" -d "$event" ;;
  esac
done
`;

const python = `#!/app/bin/python3 -S
import http.client, json, os, sys, time
api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
def ask(method, path, body=None):
    api.request(method, "/2018-06-01/runtime/" + path, body)
    answer = api.getresponse()
    return answer.headers, answer.read()
while True:
    headers, event = ask("GET", "invocation/next")
    id = headers["Lambda-Runtime-Aws-Request-Id"]
    print("serving", id, flush=True)
    query = json.loads(event)["rawQueryString"]
    if query == "act=exit": sys.exit(3)
    if query == "act=hang": time.sleep(3600)
    if query == "act=error":
        ask("POST", "invocation/" + id + "/error", json.dumps({"errorType": "Asked", "errorMessage": "to fail"}))
    else:
        ask("POST", "invocation/" + id + "/response", event)
`;

const usual = { limits: { timeout: "5s" }, scaling: { max: 2 } };

function directoryOf(name: string, bootstrap?: string, manifest: object = usual): string {
  const text = JSON.stringify({ name, runtime: "provided", ...manifest });
  const directory = functionDirectory(owner, { "tsfn.json": text });
  if (bootstrap === undefined) copyFileSync(program, join(directory, "bootstrap"));
  else writeSource(directory, "bootstrap", bootstrap);
  chmodSync(join(directory, "bootstrap"), 0o755);
  return directory;
}

const kinds: readonly (readonly [string, () => string])[] = [
  ["static-c", () => directoryOf("static-c")],
  [
    "bash-curl",
    () => {
      const directory = directoryOf("bash-curl", shell);
      for (const path of ["/usr/bin/bash", "/usr/bin/curl"]) addProgram(directory, path);
      return directory;
    },
  ],
  [
    "python",
    () => {
      const directory = directoryOf("python", python);
      addPython(directory, ["http.client", "json", "os", "time", "encodings.idna"]);
      return directory;
    },
  ],
  [
    "aws-lambda-ric",
    () => {
      const start = `#!/usr/local/bin/node\nimport("/app/node_modules/aws-lambda-ric/index.mjs");\n`;
      const directory = directoryOf("aws-lambda-ric", start);
      writeSource(directory, "index.mjs", lambda);
      addRuntimeClient(directory);
      return directory;
    },
  ],
];

/** For AWS's own client, which runs it. */
const lambda = `export const handler = async (event) => {
  console.log("serving", event.rawQueryString);
  if (event.rawQueryString === "act=error") throw new Error("asked to fail");
  if (event.rawQueryString === "act=exit") process.exit(3);
  if (event.rawQueryString === "act=hang") await new Promise((resolve) => setTimeout(resolve, 3_600_000));
  return event;
};
`;

/** Of every hundred calls, these misbehave; and one of all never ends. */
const acts: ReadonlyMap<number, readonly [act: string, status: number]> = new Map([
  [20, ["error", 500]],
  [50, ["error", 500]],
  [80, ["exit", 502]],
]);
const endless = 150;
const callers = 2;

for (const [name, make] of kinds) {
  test.serial(
    `${name}: a thousand invocations, some of which fail, never end or end their process, are answered right`,
    async (t) => {
      await server.deploy(make());
      const wrong: string[] = [];
      let next = 0;
      const call = async (): Promise<void> => {
        for (let number = next++; number < 1_000; number = next++) {
          const common = acts.get(number % 100) ?? [String(number), 200];
          const [act, wanted] = number === endless ? ["hang", 504] : common;
          const response = await server.fetch(`/function/${name}/x?act=${act}`);
          const document = (await response.json()) as { rawQueryString?: string };
          if (response.status !== wanted) wrong.push(`${act}: ${response.status} ${JSON.stringify(document)}`);
          else if (wanted === 200 && document.rawQueryString !== `act=${act}`) wrong.push(`${act}: another's answer`);
        }
      };
      await Promise.all(Array.from({ length: callers }, call));
      t.deepEqual(wrong.slice(0, 5), []);
    },
  );
}

test.serial("a program past its deadline is 504, its process is ended, and the next call answers", async (t) => {
  await server.deploy(directoryOf("late", undefined, { limits: { timeout: "300ms" }, scaling: { max: 1 } }));
  const hung = await server.fetch("/function/late?act=hang");
  t.is(hung.status, 504);
  t.like(await hung.json(), { code: "FUNCTION_TIMEOUT" });
  await until("the next call answers", async () => {
    const { status } = await server.fetch("/function/late?act=1");
    return status === 200 || undefined;
  });
});

test.serial("what a program prints, and what it reports as an error, is in the log of its invocation", async (t) => {
  await server.deploy(directoryOf("talks"));
  const failed = (await (await server.fetch("/function/talks?act=error")).json()) as ProblemDocument;
  t.false(JSON.stringify(failed).includes("to fail"));
  const lines = await until("both lines are in the log", async () => {
    const { stdout } = await server.cli(["logs", "talks", "--json"]);
    const records = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { msg: string; requestId?: string })
      .filter(({ requestId }) => requestId === failed.requestId)
      .map(({ msg }) => msg);
    return records.includes("Asked: to fail") && records.includes(`serving ${failed.requestId}`) ? records : undefined;
  });
  t.true(lines.length >= 2);
});

test.serial("an error before the first invocation fails the deploy with its text", async (t) => {
  const { code, stderr } = await server.cli(["deploy", directoryOf("broken"), "-e", "FAIL_INIT=1"]);
  t.is(code, 1);
  t.regex(stderr, /Asked\.Init: the table is missing/);
});

test.serial("a program that cannot be started, or ends at once, fails the deploy and says why", async (t) => {
  const alien = await server.cli(["deploy", directoryOf("alien", "#!/nowhere/sh\n")]);
  t.is(alien.code, 1);
  t.regex(alien.stderr, /bootstrap cannot be started .*ENOENT.*wanted a program for this machine/);
  const brief = await server.cli(["deploy", directoryOf("brief", `#!/usr/local/bin/node\nprocess.exit(7)`)]);
  t.is(brief.code, 1);
  t.regex(brief.stderr, /exited with code 7 while loading/);
});

test.serial("a program has no descriptor but its own, and the Runtime API answers what it does not know", async (t) => {
  const source = `#!/usr/local/bin/node
const { readdirSync, readlinkSync } = require("node:fs");
const fds = readdirSync("/proc/self/fd").map((fd) => { try { return readlinkSync("/proc/self/fd/" + fd); } catch { return null; } });
const api = "http://" + process.env.AWS_LAMBDA_RUNTIME_API + "/2018-06-01/runtime/";
const post = async (path, body = "{}") => { const r = await fetch(api + path, { method: "POST", body }); return [r.status, await r.json()]; };
(async () => {
  for (;;) {
    const next = await fetch(api + "invocation/next");
    const head = Object.fromEntries([...next.headers].filter(([name]) => name.startsWith("lambda-")));
    await next.text();
    const odd = [await post("invocation/none/response"), await post("init/error"), await post("other")];
    const { AWS_LAMBDA_RUNTIME_API, AWS_LAMBDA_FUNCTION_NAME, LAMBDA_TASK_ROOT, _HANDLER } = process.env;
    const env = { AWS_LAMBDA_RUNTIME_API, AWS_LAMBDA_FUNCTION_NAME, LAMBDA_TASK_ROOT, _HANDLER };
    await post("invocation/" + head["lambda-runtime-aws-request-id"] + "/response", JSON.stringify({ head, odd, env, fds, cwd: process.cwd() }));
  }
})();
`;
  await server.deploy(directoryOf("asks", source));
  const before = Date.now();
  const traceparent = "00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01";
  const response = await server.fetch("/function/asks", { headers: { "x-request-id": "mine-1", traceparent } });
  const { head, odd, env, fds, cwd } = (await response.json()) as {
    head: Record<string, string>;
    odd: [number, { errorType: string }][];
    env: object;
    fds: (string | null)[];
    cwd: string;
  };
  t.is(head["lambda-runtime-aws-request-id"], "mine-1");
  t.is(head["lambda-runtime-invoked-function-arn"], "arn:aws:lambda:us-east-1:000000000000:function:asks");
  t.regex(
    head["lambda-runtime-trace-id"] ?? "",
    /^Root=1-5759e988-bd862e3fe1be46a994272793;Parent=[0-9a-f]{16};Sampled=1$/,
  );
  t.true(Number(head["lambda-runtime-deadline-ms"]) > before);
  t.deepEqual(
    odd.map(([status, { errorType }]) => [status, errorType]),
    [
      [400, "InvalidRequestID"],
      [403, "InvalidStateTransition"],
      [404, "NotFound"],
    ],
  );
  t.deepEqual(env, {
    AWS_LAMBDA_RUNTIME_API: "127.0.0.1:9001",
    AWS_LAMBDA_FUNCTION_NAME: "asks",
    LAMBDA_TASK_ROOT: "/app",
    _HANDLER: "index.handler",
  });
  t.is(cwd, "/app");
  // The guest's stream to the daemon would be a socket.
  t.deepEqual(
    fds.filter((target) => target?.startsWith("socket:")),
    [],
  );
});

/** Counts its invocations in a file. */
const counting = `#!/usr/local/bin/node
const { appendFileSync, statSync } = require("node:fs");
const api = "http://" + process.env.AWS_LAMBDA_RUNTIME_API + "/2018-06-01/runtime/invocation/";
(async () => {
  for (;;) {
    const next = await fetch(api + "next");
    await next.text();
    appendFileSync("/tmp/count", ".");
    const body = String(statSync("/tmp/count").size);
    await fetch(api + next.headers.get("lambda-runtime-aws-request-id") + "/response", { method: "POST", body });
  }
})();
`;

test.serial("files stay as long as the instance; with reuse never they are gone with the invocation", async (t) => {
  await server.deploy(directoryOf("keeps", counting, { scaling: { max: 1 } }));
  await server.deploy(directoryOf("forgets", counting, { reuse: "never", scaling: { max: 1 } }));
  const count = async (name: string) => Number(await (await server.fetch(`/function/${name}`)).text());
  t.deepEqual([await count("keeps"), await count("keeps")], [1, 2]);
  // By then the layer has been looked at from outside.
  await until("both are reported", async () => {
    const { stdout } = await server.cli(["logs", "keeps"]);
    return stdout.split("platform.invokeReport").length > 2 || undefined;
  });
  t.is(await count("keeps"), 3);
  t.deepEqual([await count("forgets"), await count("forgets")], [1, 1]);
});
