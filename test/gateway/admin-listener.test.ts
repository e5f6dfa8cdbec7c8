// Claims about the admin API over TCP: who gets in, and how those who do not are told.

import { createHash } from "node:crypto";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { tokenIn } from "../../gateway/admin-listener.ts";
import { resolveSettings } from "../../runtime/config.ts";
import { TsfnError } from "../../runtime/errors.ts";
import { openTestDaemon } from "../support/daemon.ts";
import { temporaryDirectory } from "../support/function-directory.ts";
import { openRemoteDaemon, type RemoteDaemon } from "../support/remote-daemon.ts";

const undo: (() => unknown)[] = [];
let daemon: RemoteDaemon;
test.before(async () => {
  daemon = await openRemoteDaemon({ teardown: (step) => undo.unshift(step) });
});
test.after.always(async () => {
  for (const step of undo) await step();
});

const sigV4 = (key: string) =>
  `AWS4-HMAC-SHA256 Credential=${key}/20261120/us-east-1/lambda/aws4_request, SignedHeaders=host, Signature=00`;

test("the token opens it as a bearer, as Basic's password and as an access key", async (t) => {
  const { adminUrl, token } = daemon;
  const basic = `Basic ${Buffer.from(`admin:${token}`).toString("base64")}`;
  for (const authorization of [`Bearer ${token}`, `bearer ${token}`, basic, sigV4(token)]) {
    const answer = await fetch(`${adminUrl}/v1/info`, { headers: { authorization } });
    t.is(answer.status, 200, authorization);
    await answer.text();
  }
});

test("without it, or with another, every route is refused with 401", async (t) => {
  const { adminUrl, token } = daemon;
  const wrong = [
    undefined,
    "",
    token,
    "Bearer",
    `Bearer ${token}x`,
    `Bearer ${token.slice(1)}`,
    "Basic !!",
    sigV4("x"),
  ];
  for (const authorization of wrong) {
    for (const path of ["/v1/info", "/metrics", "/livez", "/v1/functions/hello/invoke", "/nowhere"]) {
      const headers = authorization === undefined ? {} : { authorization };
      const answer = await fetch(`${adminUrl}${path}`, { headers });
      t.is(answer.status, 401, `${authorization} ${path}`);
      t.regex(answer.headers.get("www-authenticate") ?? "", /^Bearer/);
      t.like(await answer.json(), { code: "TOKEN_REQUIRED" });
    }
  }
});

test("the AWS API refuses in its own shape", async (t) => {
  const headers = { authorization: sigV4("AKIAIOSFODNN7EXAMPLE") };
  const answer = await fetch(`${daemon.adminUrl}/2015-03-31/functions`, { headers });
  t.is(answer.status, 403);
  t.is(answer.headers.get("x-amzn-errortype"), "UnrecognizedClientException");
  t.like(await answer.json(), { Type: "User" });
});

test("the unix socket wants no token, and the public listener knows no admin route", async (t) => {
  t.is((await daemon.admin("GET", "/v1/functions")).status, 200);
  const { token, url } = daemon;
  for (const path of ["/v1/info", "/2015-03-31/functions", "/system/functions", "/metrics"]) {
    const answer = await fetch(`${url}${path}`, { headers: { authorization: `Bearer ${token}` } });
    t.is(answer.status, 404, path);
    await answer.text();
  }
});

test("the daemon does not know the token", async (t) => {
  const info = await daemon.admin("GET", "/v1/info");
  t.false(info.text.includes(daemon.token));
  t.false(info.text.includes(createHash("sha256").update(daemon.token).digest("hex")));
});

test("without a token there is no listener, and a short one is no token", async (t) => {
  await t.throwsAsync(openTestDaemon(t, { adminListen: "127.0.0.1:0" }), { code: "USAGE", message: /wants a token/ });
  const flags = { adminListen: "127.0.0.1:0", adminTokenSha256: "/nowhere/token" };
  await t.throwsAsync(openTestDaemon(t, flags), { code: "USAGE", message: /--token-file cannot be read/ });
});

test("a token file that others may read is refused", async (t) => {
  const file = join(temporaryDirectory(t), "token");
  writeFileSync(file, "0123456789abcdef0123456789abcdef");
  for (const mode of [0o644, 0o640, 0o604]) {
    chmodSync(file, mode);
    const error = t.throws(() => resolveSettings({ adminListen: "127.0.0.1:0", adminTokenSha256: file }, {}), {
      code: "NOT_ALLOWED",
      message: new RegExp(`${file} has mode ${mode.toString(8)}; wanted 600`),
    });
    t.true(error instanceof TsfnError && error.hint.includes(`chmod 600 ${file}`));
  }
  chmodSync(file, 0o400);
  t.notThrows(() => resolveSettings({ adminListen: "127.0.0.1:0", adminTokenSha256: file }, {}));
});

test("a token is read out of each scheme and out of nothing else", (t) => {
  t.is(tokenIn(sigV4("ab/cd+ef==")), "ab/cd+ef==");
  t.is(tokenIn("Basic bm9jb2xvbg=="), null);
  for (const text of ["", "Bearer", "Digest x", "AWS4-HMAC-SHA256 Credential=x", "AWS4-HMAC-SHA256 Signature=1"]) {
    t.is(tokenIn(text), null, text);
  }
});
