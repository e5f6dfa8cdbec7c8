// The admin API's OpenAPI document: a linter has nothing to say about it, it shows every route, and its examples are the
// catalogue's. A client made from it is test/e2e/openapi-client.test.ts.

import { createConfig, lintFromString } from "@redocly/openapi-core";
import test from "ava";
import { catalogue, type ErrorCode } from "../../runtime/errors.ts";
import { openRemoteDaemon, type RemoteDaemon } from "../support/remote-daemon.ts";

interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly responses: Readonly<Record<string, { readonly content?: Readonly<Record<string, MediaType>> }>>;
}

interface MediaType {
  readonly examples?: Readonly<
    Record<string, { readonly value: { readonly code: ErrorCode; readonly status: number } }>
  >;
}

interface OpenApiDocument {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

let daemon: RemoteDaemon;
let text: string;
const undo: (() => unknown)[] = [];

test.before(async () => {
  daemon = await openRemoteDaemon({ teardown: (act) => undo.push(act) });
  ({ text } = await daemon.admin("GET", "/v1/openapi.json"));
});

test.after.always(async () => {
  for (const act of undo.reverse()) await act();
});

test("Redocly's recommended rules, with every warning an error, find nothing", async (t) => {
  t.deepEqual(await lint(text), []);
});

test("the linter would say something: each part that a client needs is missed when it is gone", async (t) => {
  for (const [part, rule] of [
    [/"operationId":"\w+",/, "operation-operationId"],
    [/"security":\[.*?\}\],?/, "security-defined"],
    [/"license":\{.*?\}/, "info-license"],
    [/"code":"TOKEN_REQUIRED",/, "no-invalid-media-type-examples"],
    [/,"in":"path"/, "struct"],
  ] as const) {
    t.true(part.test(text), `${part} is in the document`);
    const found = await lint(text.replace(part, "").replace(",}", "}"));
    t.true(
      found.some((finding) => finding.startsWith(`${rule} `)),
      `${rule}: ${found.join("\n")}`,
    );
  }
});

test("operations have names of their own, and their failures are examples of the catalogue", (t) => {
  const { paths } = JSON.parse(text) as OpenApiDocument;
  const operations = Object.values(paths).flatMap((methods) => Object.values(methods));
  const names = operations.map(({ operationId }) => operationId);
  t.deepEqual([...new Set(names)], names);
  for (const { operationId, responses } of operations) {
    t.true("default" in responses, operationId);
    for (const [status, { content = {} }] of Object.entries(responses)) {
      const { examples = {} } = content["application/problem+json"] ?? {};
      if (/^[45]/.test(status)) t.true(Object.keys(examples).length > 0, `${operationId} ${status}`);
      for (const [code, { value }] of Object.entries(examples)) {
        t.like(value, { code, status: Number(status), title: catalogue[code as ErrorCode].title });
      }
    }
  }
});

test("what an operation says of its failures is what a client gets", async (t) => {
  const { paths } = JSON.parse(text) as OpenApiDocument;
  const ask = (method: string, path: string, authorization = `Bearer ${daemon.token}`) =>
    fetch(`${daemon.adminUrl}${path}`, { method, headers: { authorization } });
  for (const [path, methods] of Object.entries(paths)) {
    for (const [method, { operationId, responses }] of Object.entries(methods)) {
      const url = path.replace("{name}", "none");
      const stranger = await ask(method.toUpperCase(), url, "Bearer wrong");
      t.is(stranger.status, 401, operationId);
      if (!path.startsWith("/v1/functions/{name}") || method === "put") continue;
      const missing = await ask(method.toUpperCase(), url);
      t.is(missing.status, 404, operationId);
      t.true("404" in responses, operationId);
      t.is(missing.headers.get("content-type"), "application/problem+json", operationId);
    }
  }
});

async function lint(source: string): Promise<string[]> {
  const config = await createConfig({ extends: ["recommended-strict"] });
  const findings = await lintFromString({ source, absoluteRef: "/openapi.json", config });
  return findings.map(({ ruleId, message, location }) => `${ruleId} ${message} ${location[0]?.pointer}`);
}
