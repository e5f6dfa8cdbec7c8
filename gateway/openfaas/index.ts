// The doors of OpenFaaS on the admin listener, in the shapes that faas-cli and other clients of its API expect. Functions
// are called under /function/<name> on the public listener, as there. What tsfn cannot do is refused by name.
// https://github.com/openfaas/faas/blob/master/api-docs/spec.openapi.yml

import type { HttpBindings } from "@hono/node-server";
import { type Context, Hono } from "hono";
import type { Logger } from "pino";
import { z } from "zod";
import { asTsfnError, TsfnError } from "../../runtime/errors.ts";
import type { Runtime } from "../../runtime/index.ts";
import { readRequestBody } from "../request-body.ts";
import { openFaasLogs } from "./logs.ts";
import { namespace, statusOf } from "./status.ts";

export interface OpenFaasParts {
  readonly runtime: Runtime;
  readonly log: Logger;
  readonly version: string;
  /** Aborts when the server ends. */
  readonly closing: AbortSignal;
}

type Env = { Bindings: HttpBindings };

export const openFaasPath = "/system/*";

/** Of a name and a number. */
const maxDocumentBytes = 2 ** 16;
const deleteRequest = z.looseObject({ functionName: z.string() });
const scaleRequest = z.looseObject({ replicas: z.int().min(0).max(10_000) });

export function openFaasRoutes(parts: OpenFaasParts): Hono<Env> {
  const { runtime, version } = parts;
  const app = new Hono<Env>();
  // Its clients print the body of a failure as it is.
  app.onError((thrown, context) => {
    const error = asTsfnError(thrown);
    if (error.code === "INTERNAL") parts.log.error({ err: error, path: context.req.path }, "OpenFaaS request failed");
    const text = error.code === "INTERNAL" ? "unexpected error; the server's log has it" : error.message;
    return context.text(`${text}. ${error.hint}\n`, error.status as 500);
  });

  app.get("/system/info", (context) => {
    const release = { release: version, sha: "" };
    const provider = { provider: "tsfn", orchestration: "tsfn", version: release };
    return context.json({ provider, version: release, arch: process.arch === "arm64" ? "aarch64" : "x86_64" });
  });
  app.get("/system/namespaces", (context) => context.json([namespace]));
  app.get("/system/functions", (context) => {
    checkNamespace(context);
    return context.json(runtime.list().map((summary) => statusOf(runtime, summary.function)));
  });
  app.get("/system/function/:name", (context) => {
    checkNamespace(context);
    return context.json(statusOf(runtime, context.req.param("name")));
  });
  app.delete("/system/functions", async (context) => {
    const { functionName } = await documentOf(context, deleteRequest);
    await runtime.remove(functionName);
    return context.body(null, 202);
  });
  for (const method of ["POST", "PUT"] as const) app.on(method, "/system/functions", () => refuseImages());
  app.post("/system/scale-function/:name", async (context) => {
    const { replicas } = await documentOf(context, scaleRequest);
    await runtime.scale(context.req.param("name"), replicas);
    return context.body(null, 202);
  });
  app.get("/system/logs", (context) => openFaasLogs(parts, context));
  app.all("*", ({ req }) => {
    throw new TsfnError("ROUTE_NOT_FOUND", `tsfn has no ${req.method} ${req.path}`, {
      hint: "docs/openfaas.md lists what it has",
    });
  });
  return app;
}

function refuseImages(): never {
  throw new TsfnError("SOURCE_INVALID", "OpenFaaS deploys container images; tsfn deploys a directory with source", {
    hint: "Deploy with: tsfn deploy <directory>",
  });
}

function checkNamespace({ req }: Context<Env>): void {
  const wanted = req.query("namespace");
  if (wanted === undefined || wanted === "" || wanted === namespace) return;
  throw new TsfnError("FUNCTION_NOT_FOUND", `There is no namespace ${JSON.stringify(wanted)}; wanted ${namespace}`);
}

/** @throws TsfnError REQUEST_MALFORMED */
function jsonIn(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString());
  } catch (cause) {
    throw new TsfnError("REQUEST_MALFORMED", "The request's body is not JSON", { cause });
  }
}

async function documentOf<Schema extends z.ZodType>(context: Context<Env>, schema: Schema): Promise<z.output<Schema>> {
  const body = await readRequestBody(context.env.incoming, { limitBytes: maxDocumentBytes, limitName: "a request" });
  const document: unknown = jsonIn(body);
  const parsed = schema.safeParse(document);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(({ path, message }) => `${path.join(".") || "the body"}: ${message}`);
  throw new TsfnError("REQUEST_MALFORMED", `The request's body is wrong: ${problems.join("; ")}`);
}
