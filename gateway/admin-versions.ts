// The admin API's routes about the versions of a function: which there are, and going back to one.

import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { failures } from "./admin-failures.ts";
import { type AdminEnv, addressesOf, answers, type FunctionRoutesParts, functionParams } from "./admin-functions.ts";
import { rolledBack, version } from "./admin-schemas.ts";

const versionList = z.object({
  live: z.int().openapi({ description: "The number of the version that is called" }),
  versions: z.array(version).readonly().openapi({ description: "Oldest first" }),
});

const wantedNumber = { error: "a whole number from 1" };
const target = z.object({
  version: z.coerce
    .number(wantedNumber)
    .int(wantedNumber)
    .min(1, wantedNumber)
    .optional()
    .openapi({ description: "Its number; without it the newest before the live one" }),
});

export function addVersionRoutes(app: OpenAPIHono<AdminEnv>, parts: FunctionRoutesParts): void {
  const { runtime } = parts;

  app.openapi(
    createRoute({
      method: "get",
      path: "/v1/functions/{name}/versions",
      operationId: "listVersions",
      summary: "Every published version of a function",
      request: { params: functionParams },
      responses: { 200: answers("Versions", versionList), ...failures("FUNCTION_NOT_FOUND") },
    }),
    (context) => {
      const { live, versions } = runtime.versions(context.req.param("name"));
      return context.json({ live, versions }, 200);
    },
  );

  app.openapi(
    createRoute({
      method: "post",
      path: "/v1/functions/{name}/rollback",
      operationId: "rollBackFunction",
      summary: "Prove that an older version starts, and make it the live one",
      request: { params: functionParams, query: target },
      responses: {
        200: answers("The version that is live now", rolledBack),
        ...failures(
          "REQUEST_MALFORMED",
          "FUNCTION_NOT_FOUND",
          "VERSION_NOT_FOUND",
          "SECRET_NOT_FOUND",
          "ROUTE_CONFLICT",
          "LOAD_FAILED",
          "NO_CAPACITY",
          "STARTUP_FAILED",
          "SHUTTING_DOWN",
        ),
      },
    }),
    async (context) => {
      const name = context.req.param("name");
      const result = await runtime.rollback(name, context.req.valid("query").version ?? null);
      return context.json({ ...result, ...addressesOf(parts, name) }, 200);
    },
  );
}
