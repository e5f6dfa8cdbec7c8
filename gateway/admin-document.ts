// The OpenAPI document of the admin API: what stands above its routes, and the routes that the application does not serve
// itself or serves without a schema. The others describe themselves where they are (admin-functions.ts and its like).

import { type OpenAPIHono, type RouteConfig, z } from "@hono/zod-openapi";
import { failures } from "./admin-failures.ts";
import { type AdminEnv, functionParams } from "./admin-functions.ts";

/** Serves it at /v1/openapi.json. */
export function addDocument(app: OpenAPIHono<AdminEnv>, version: string): void {
  const registry = app.openAPIRegistry;
  registry.registerComponent("securitySchemes", "token", {
    type: "http",
    scheme: "bearer",
    description: "Over TCP only: the server's token. On the unix socket, its mode decides who may ask",
  });
  for (const path of [...invokePaths, ...probePaths]) registry.registerPath(path);
  app.doc31("/v1/openapi.json", {
    openapi: "3.1.0",
    info: {
      title: "tsfn",
      version,
      description: "Deploys, calls and watches functions. Errors are RFC 9457 documents",
      license: { name: "Apache-2.0", url: "https://www.apache.org/licenses/LICENSE-2.0" },
    },
    servers: [{ url: "/", description: "The listener that this document came from" }],
    security: [{ token: [] }, {}],
  });
}

const anything = { "*/*": { schema: z.unknown() } };

/** How calls fail, whatever their method. */
const callFailures = [
  "FUNCTION_NOT_FOUND",
  "CONCURRENCY_LIMIT",
  "FUNCTION_ERROR",
  "FUNCTION_CRASHED",
  "FUNCTION_OOM",
  "FUNCTION_BAD_RESPONSE",
  "NO_CAPACITY",
  "STARTUP_FAILED",
  "SHUTTING_DOWN",
  "FUNCTION_TIMEOUT",
] as const;
const answered = { description: "What the function answered; its status and headers may be any", content: anything };

/** Taken past this application, straight to invoke.ts. Any method and any path below are the same; a document cannot say so. */
const invokePaths: readonly RouteConfig[] = [
  {
    method: "get",
    path: "/v1/functions/{name}/invoke",
    operationId: "callFunction",
    summary: "Call a function with GET",
    request: { params: functionParams },
    responses: { 200: answered, ...failures(...callFailures) },
  },
  {
    method: "post",
    path: "/v1/functions/{name}/invoke",
    operationId: "invokeFunction",
    summary: "Call a function with a body",
    request: { params: functionParams, body: { required: true, content: anything } },
    responses: { 200: answered, ...failures(...callFailures, "BODY_TOO_LARGE") },
  },
];

const status = z.object({ status: z.literal("ok") });
const ok = { description: "It is", content: { "application/json": { schema: status } } };

const probePaths: readonly RouteConfig[] = [
  {
    method: "get",
    path: "/livez",
    operationId: "isAlive",
    summary: "Whether the server answers",
    responses: { 200: ok, ...failures() },
  },
  {
    method: "get",
    path: "/readyz",
    operationId: "isReady",
    summary: "Whether the server takes invocations",
    responses: { 200: ok, ...failures("SHUTTING_DOWN", "WARDEN_LOST") },
  },
  {
    method: "get",
    path: "/metrics",
    operationId: "readMetrics",
    summary: "Prometheus metrics",
    responses: {
      200: { description: "Samples", content: { "text/plain": { schema: z.string() } } },
      ...failures(),
    },
  },
];
