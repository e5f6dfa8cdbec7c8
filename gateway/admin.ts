// The admin API as one Hono application: what the server is and does, its probes and its metrics. Functions are in
// admin-functions.ts; the socket it is served on, and who may open it, in admin-socket.ts.

import { createRoute, OpenAPIHono } from "@hono/zod-openapi";
import type { Logger } from "pino";
import { asTsfnError, TsfnError } from "../runtime/errors.ts";
import { addDocument } from "./admin-document.ts";
import { failures } from "./admin-failures.ts";
import { type AdminEnv, addFunctionRoutes, type FunctionRoutesParts, invalidParameters } from "./admin-functions.ts";
import { addLogRoutes } from "./admin-logs.ts";
import { info } from "./admin-schemas.ts";
import { addSecretRoutes } from "./admin-secrets.ts";
import { addVersionRoutes } from "./admin-versions.ts";
import { awsPath, awsRoutes } from "./aws/index.ts";
import type { Exchanges } from "./exchanges.ts";
import type { CallObserver, Metrics } from "./metrics.ts";
import { openFaasPath, openFaasRoutes } from "./openfaas/index.ts";
import { shown } from "./routes.ts";
import { problemResponse } from "./status.ts";

export interface ServerInfo {
  readonly version: string;
  readonly pid: number;
  readonly wardenPid: number;
  /** Of the public listener. */
  readonly url: string;
  /** Of the admin API over TCP; null when it is off. */
  readonly adminUrl: string | null;
  readonly dataDir: string;
  readonly uptimeS: number;
}

export interface AdminParts extends FunctionRoutesParts {
  readonly info: () => ServerInfo;
  readonly exchanges: Exchanges;
  readonly calls: CallObserver;
  readonly metrics: Metrics;
  readonly log: Logger;
  /** Begins to drain; returns at once. */
  readonly shutdown: () => void;
}

export function createAdmin(parts: AdminParts): OpenAPIHono<AdminEnv> {
  const app = new OpenAPIHono<AdminEnv>({
    defaultHook: (result) => {
      if (!result.success) throw invalidParameters(result.error, (result as { readonly data?: unknown }).data);
    },
  });
  app.onError((thrown, context) => {
    const error = asTsfnError(thrown);
    if (error.code === "INTERNAL") parts.log.error({ err: error, path: context.req.path }, "admin request failed");
    return problemResponse(error);
  });
  app.notFound(({ req }) => {
    const hint = "The routes are in /v1/openapi.json";
    return problemResponse(new TsfnError("ROUTE_NOT_FOUND", `There is no ${req.method} ${shown(req.path)}`, { hint }));
  });
  addServerRoutes(app, parts);
  addFunctionRoutes(app, parts);
  addVersionRoutes(app, parts);
  addLogRoutes(app, parts);
  addSecretRoutes(app, parts);
  const aws = awsRoutes(parts);
  app.all(awsPath, ({ req, env }) => aws.fetch(req.raw, env));
  const openFaas = openFaasRoutes({ ...parts, version: parts.info().version });
  app.all(openFaasPath, ({ req, env }) => openFaas.fetch(req.raw, env));
  addDocument(app, parts.info().version);
  return app;
}

function addServerRoutes(app: OpenAPIHono<AdminEnv>, { exchanges, metrics, ...parts }: AdminParts): void {
  app.openapi(
    createRoute({
      method: "get",
      path: "/v1/info",
      operationId: "getInfo",
      summary: "What this server is",
      responses: {
        200: { description: "The server", content: { "application/json": { schema: info } } },
        ...failures(),
      },
    }),
    (context) => context.json(parts.info(), 200),
  );
  app.openapi(
    createRoute({
      method: "post",
      path: "/v1/shutdown",
      operationId: "shutDown",
      summary: "Answer what is in flight and end",
      responses: { 202: { description: "It drains" }, ...failures() },
    }),
    (context) => {
      parts.shutdown();
      return context.body(null, 202);
    },
  );
  app.get("/livez", (context) => context.json({ status: "ok" }));
  app.get("/readyz", (context) => {
    if (exchanges.refusal !== null) throw exchanges.refusal;
    return context.json({ status: "ok" });
  });
  app.get("/metrics", async (context) => {
    return context.body(await metrics.render(parts.runtime), 200, { "Content-Type": metrics.contentType });
  });
}
