// A scripted session of AWS's command line, as Debian packages it, with only the endpoint changed.

import { execFile } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import test, { type ExecutionContext } from "ava";
import { temporaryDirectory } from "../support/function-directory.ts";
import { openRemoteDaemon } from "../support/remote-daemon.ts";
import { zipOf } from "../support/zip.ts";

/** Debian's, whatever else is on the path. */
const program = "/usr/bin/aws";

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function openSession(t: ExecutionContext) {
  const { adminUrl, token } = await openRemoteDaemon(t);
  const directory = temporaryDirectory(t);
  const env = {
    PATH: "/usr/bin:/bin",
    HOME: directory,
    AWS_ACCESS_KEY_ID: token,
    AWS_SECRET_ACCESS_KEY: "unused",
    AWS_DEFAULT_REGION: "us-east-1",
    AWS_PAGER: "",
    AWS_EC2_METADATA_DISABLED: "true",
    AWS_MAX_ATTEMPTS: "1",
  };
  const aws = async (...args: string[]): Promise<Ended> => {
    const own = ["--endpoint-url", adminUrl, "--output", "json", "--cli-binary-format", "raw-in-base64-out", "lambda"];
    try {
      return { code: 0, ...(await promisify(execFile)(program, [...own, ...args], { env, cwd: directory })) };
    } catch (thrown) {
      return thrown as Ended;
    }
  };
  const file = (name: string, content: string | Buffer) => {
    writeFileSync(join(directory, name), content);
    return name;
  };
  return { aws, file, read: (name: string) => readFileSync(join(directory, name), "utf8") };
}

test("a function is created, invoked, updated and deleted", async (t) => {
  const { aws, file, read } = await openSession(t);
  const first =
    "exports.main = async (event) => { console.log('one'); return { said: event.say, by: process.env.BY }; };";
  file("one.zip", zipOf({ "app.js": first }));
  const made = await aws(
    ...["create-function", "--function-name", "cli", "--runtime", "nodejs20.x", "--handler", "app.main"],
    ...["--role", "arn:aws:iam::123456789012:role/any", "--zip-file", "fileb://one.zip"],
    ...["--environment", "Variables={BY=tsfn}", "--timeout", "10", "--memory-size", "256"],
  );
  t.is(made.code, 0, made.stderr);
  t.like(JSON.parse(made.stdout), { FunctionName: "cli", Handler: "app.main", Timeout: 10, MemorySize: 256 });

  const invoked = await aws(
    "invoke",
    "--function-name",
    "cli",
    "--payload",
    '{"say":"hi"}',
    "--log-type",
    "Tail",
    "out",
  );
  t.is(invoked.code, 0, invoked.stderr);
  t.deepEqual(JSON.parse(read("out")), { said: "hi", by: "tsfn" });
  const { StatusCode, LogResult } = JSON.parse(invoked.stdout);
  t.is(StatusCode, 200);
  t.regex(Buffer.from(LogResult, "base64").toString(), /START RequestId.*\none\n/);

  file("two.zip", zipOf({ "app.js": "exports.main = async () => { throw new Error('two is broken'); };" }));
  const updated = await aws("update-function-code", "--function-name", "cli", "--zip-file", "fileb://two.zip");
  t.is(updated.code, 0, updated.stderr);
  const failed = await aws("invoke", "--function-name", "cli", "out");
  t.like(JSON.parse(failed.stdout), { StatusCode: 200, FunctionError: "Unhandled" });
  t.like(JSON.parse(read("out")), { errorType: "Error", errorMessage: "two is broken" });
  t.is((await aws("invoke", "--function-name", "cli:1", "--payload", "{}", "out")).code, 0);
  t.deepEqual(JSON.parse(read("out")), { by: "tsfn" });

  const event = await aws("invoke", "--function-name", "cli", "--invocation-type", "Event", "out");
  t.like(JSON.parse(event.stdout), { StatusCode: 202 });
  const dry = await aws("invoke", "--function-name", "cli", "--invocation-type", "DryRun", "out");
  t.is(dry.code, 0, dry.stderr);
  t.like(JSON.parse(dry.stdout), { StatusCode: 204 });

  const listed = await aws("list-functions");
  t.is(listed.code, 0, listed.stderr);
  t.is(JSON.parse(listed.stdout).Functions.length, 1);
  t.is((await aws("delete-function", "--function-name", "cli")).code, 0);
  const gone = await aws("invoke", "--function-name", "cli", "out");
  t.is(gone.code, 254);
  t.regex(gone.stderr, /ResourceNotFoundException.*Function not found/);
});
