// The admin API's routes about secrets. A value comes in as a body, never in a path or a query that a log may keep, and
// never goes out.

import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { envNameProblem } from "../runtime/catalog/index.ts";
import { TsfnError } from "../runtime/errors.ts";
import type { Runtime } from "../runtime/index.ts";
import { failures } from "./admin-failures.ts";
import type { AdminEnv } from "./admin-functions.ts";
import { secretSummary } from "./admin-schemas.ts";
import { readRequestBody } from "./request-body.ts";
import { shown } from "./routes.ts";

/** More than any value may have, so that the store's own sentence is the one that is read. */
const maxBodyBytes = 2 ** 20;

const params = z.object({ name: z.string().openapi({ example: "STRIPE_KEY" }) });

export function addSecretRoutes(app: OpenAPIHono<AdminEnv>, { runtime }: { readonly runtime: Runtime }): void {
  app.openapi(
    createRoute({
      method: "get",
      path: "/v1/secrets",
      operationId: "listSecrets",
      summary: "All secrets, without their values",
      responses: {
        200: {
          description: "Secrets",
          content: { "application/json": { schema: z.object({ secrets: z.array(secretSummary).readonly() }) } },
        },
        ...failures(),
      },
    }),
    (context) => context.json({ secrets: runtime.secrets() }, 200),
  );

  app.openapi(
    createRoute({
      method: "put",
      path: "/v1/secrets/{name}",
      operationId: "putSecret",
      summary: "Make a secret or give it another value; the body is the value",
      request: { params, body: { required: true, content: { "text/plain": { schema: z.string() } } } },
      responses: {
        204: { description: "It is kept; functions that name it get new instances" },
        ...failures("SECRET_INVALID", "BODY_TOO_LARGE", "SHUTTING_DOWN", "DISK_FULL"),
      },
    }),
    async (context) => {
      const name = context.req.param("name");
      const limits = { limitBytes: maxBodyBytes, limitName: "a secret's value" };
      const value = await readRequestBody(context.env.incoming, limits);
      checkName(name);
      await runtime.putSecret(name, value.toString("utf8"));
      return context.body(null, 204);
    },
  );

  app.openapi(
    createRoute({
      method: "delete",
      path: "/v1/secrets/{name}",
      operationId: "deleteSecret",
      summary: "Forget a secret that no live version names",
      request: { params },
      responses: {
        204: { description: "It is gone" },
        ...failures("SECRET_NOT_FOUND", "SECRET_IN_USE", "SHUTTING_DOWN"),
      },
    }),
    async (context) => {
      await runtime.deleteSecret(context.req.param("name"));
      return context.body(null, 204);
    },
  );
}

/** A secret becomes a variable: what tsfn.json refuses to name is not kept. @throws TsfnError SECRET_INVALID */
function checkName(name: string): void {
  const wanted = envNameProblem(name);
  if (wanted === undefined) return;
  throw new TsfnError("SECRET_INVALID", `the secret cannot be kept: its name is ${shown(name)}; wanted ${wanted}`, {
    hint: "Give it another name, such as STRIPE_KEY",
  });
}
