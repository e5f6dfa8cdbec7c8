// The admin API's routes about functions: deploy, list, inspect, remove, restart, instances. Logs and versions have files of their
// own (admin-logs.ts, admin-versions.ts). Invoking one is not
// here: admin-socket.ts takes that path past the API, straight to invoke.ts.

import type { IncomingMessage } from "node:http";
import type { HttpBindings } from "@hono/node-server";
import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { checkName } from "../runtime/catalog/index.ts";
import { TsfnError } from "../runtime/errors.ts";

import type { Runtime } from "../runtime/index.ts";
import { failures } from "./admin-failures.ts";
import { deployed, functionDescription, instance, listedFunction } from "./admin-schemas.ts";
import { discardRest, openRequestBody } from "./request-body.ts";
import { routeUrl, shown } from "./routes.ts";

export type AdminEnv = { Bindings: HttpBindings };

export interface FunctionRoutesParts {
  readonly runtime: Runtime;
  /** Of the public listener. */
  readonly url: string;
  /** Aborts when the server ends: followers of logs must not hold it. */
  readonly closing: AbortSignal;
}

/** An archive over this was not built by `tsfn deploy`; the catalog has tighter limits of its own. */
const maxPackageBytes = 640 * 2 ** 20;

/** How long the rest of a refused upload may take to arrive. */
const discardMs = 10_000;

export const functionParams = z.object({ name: z.string().openapi({ example: "hello" }) });
export const answers = <Schema extends z.ZodType>(description: string, schema: Schema) => ({
  description,
  content: { "application/json": { schema } },
});

const restartQuery = z.object({
  zygote: z
    .enum(["true", "false"], { error: "true or false" })
    .default("false")
    .openapi({ description: "Also replace the process that its instances are forked from" }),
});
/** Where a function answers: what every answer about one tells besides what the runtime knows. */
export function addressesOf({ runtime, url }: FunctionRoutesParts, name: string) {
  const routes = runtime.current(name)?.manifest.routes ?? [];
  return { url: `${url}/function/${name}`, routes: routes.map((route) => routeUrl(url, route)) };
}

export function addFunctionRoutes(app: OpenAPIHono<AdminEnv>, parts: FunctionRoutesParts): void {
  const { runtime } = parts;
  app.openapi(
    createRoute({
      method: "get",
      path: "/v1/functions",
      operationId: "listFunctions",
      summary: "All functions",
      responses: { 200: answers("Functions", z.object({ functions: z.array(listedFunction) })), ...failures() },
    }),
    (context) => {
      const functions = runtime.list().map((summary) => ({ ...summary, ...addressesOf(parts, summary.function) }));
      return context.json({ functions }, 200);
    },
  );

  app.openapi(
    createRoute({
      method: "put",
      path: "/v1/functions/{name}",
      operationId: "deployFunction",
      summary: "Deploy: store a package, prove that it loads, and make it the live version",
      request: {
        params: functionParams,
        body: {
          required: true,
          content: { "application/x-tar": { schema: z.string().openapi({ format: "binary" }) } },
        },
      },
      responses: {
        200: answers("It was live already", deployed),
        201: answers("A new version", deployed),
        ...failures(
          "NAME_INVALID",
          "PACKAGE_INVALID",
          "MANIFEST_INVALID",
          "SECRET_NOT_FOUND",
          "ROUTE_CONFLICT",
          "BODY_TOO_LARGE",
          "LOAD_FAILED",
          "NO_CAPACITY",
          "STARTUP_FAILED",
          "SHUTTING_DOWN",
          "DISK_FULL",
        ),
      },
    }),
    async (context) => {
      const name = checkName(context.req.param("name"));
      const result = await deploy(context, name, runtime);
      return context.json({ ...result, ...addressesOf(parts, name) }, result.unchanged ? 200 : 201);
    },
  );

  app.openapi(
    createRoute({
      method: "get",
      path: "/v1/functions/{name}",
      operationId: "getFunction",
      summary: "Everything about one function",
      request: { params: functionParams },
      responses: { 200: answers("The function", functionDescription), ...failures("FUNCTION_NOT_FOUND") },
    }),
    async (context) => {
      const description = await runtime.inspect(context.req.param("name"));
      return context.json({ ...description, ...addressesOf(parts, description.function) }, 200);
    },
  );

  app.openapi(
    createRoute({
      method: "delete",
      path: "/v1/functions/{name}",
      operationId: "removeFunction",
      summary: "Remove a function with all its versions",
      request: { params: functionParams },
      responses: { 204: { description: "It is gone" }, ...failures("FUNCTION_NOT_FOUND", "SHUTTING_DOWN") },
    }),
    async (context) => {
      await runtime.remove(context.req.param("name"));
      return context.body(null, 204);
    },
  );

  app.openapi(
    createRoute({
      method: "post",
      path: "/v1/functions/{name}/restart",
      operationId: "restartFunction",
      summary: "Retire its instances, so that the next call is a cold start",
      request: { params: functionParams, query: restartQuery },
      responses: {
        204: { description: "They are retiring" },
        ...failures("REQUEST_MALFORMED", "FUNCTION_NOT_FOUND", "SHUTTING_DOWN"),
      },
    }),
    async (context) => {
      const { zygote } = context.req.valid("query");
      await runtime.restart(context.req.param("name"), { zygote: zygote === "true" });
      return context.body(null, 204);
    },
  );

  app.openapi(
    createRoute({
      method: "get",
      path: "/v1/instances",
      operationId: "listInstances",
      summary: "All instances",
      responses: { 200: answers("Instances", z.object({ instances: z.array(instance).readonly() })), ...failures() },
    }),
    async (context) => {
      return context.json({ instances: await runtime.instances() }, 200);
    },
  );
}

/**
 * What a person can mend, without the validator's own document. The schema's messages are what is wanted.
 * @param found the values that were refused, by the parameters' names
 */
export function invalidParameters({ issues }: z.ZodError, found: unknown): TsfnError {
  const values = (found ?? {}) as Readonly<Record<string, unknown>>;
  const problems = issues.map(({ path, message }) => {
    const value = values[String(path[0])];
    const told = typeof value === "string" ? shown(value) : (JSON.stringify(value) ?? "missing");
    return { message: `${path.join(".")} is ${told}; wanted ${message}` };
  });
  const list = problems.map(({ message }) => message).join("; ");
  return new TsfnError("REQUEST_MALFORMED", `The request has invalid parameters: ${list}`, {
    problems,
    hint: "Mend them; /v1/openapi.json describes every parameter",
  });
}

async function deploy(context: Context<AdminEnv>, name: string, runtime: Runtime) {
  const { incoming } = context.env;
  try {
    return await deployFrom(incoming, name, runtime);
  } finally {
    // A refusal that comes before the upload's end would reach the client as a broken connection instead.
    await discardRest(incoming, maxPackageBytes, discardMs);
  }
}

async function deployFrom(incoming: IncomingMessage, name: string, runtime: Runtime) {
  const type = incoming.headers["content-type"];
  if (type !== "application/x-tar") {
    throw new TsfnError("PACKAGE_INVALID", `The Content-Type is ${shown(type ?? "")}; wanted application/x-tar`);
  }
  const body = openRequestBody(incoming, {
    limitBytes: maxPackageBytes,
    limitName: "a package",
    onOverflow: () => {},
  });
  if (body === null) throw new TsfnError("PACKAGE_INVALID", "The request has no body; wanted a package");
  try {
    return await runtime.deploy(name, body);
  } finally {
    body.destroy();
  }
}
