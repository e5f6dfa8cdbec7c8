// The admin API's route of a function's log: one JSON document a line, what was stored first and then, when it is followed,
// what comes.

import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { LogOptions, LogRecord } from "../runtime/index.ts";
import { logLevels } from "../runtime/logs/index.ts";
import { failures } from "./admin-failures.ts";
import { type AdminEnv, type FunctionRoutesParts, functionParams, invalidParameters } from "./admin-functions.ts";
import { logRecord } from "./admin-schemas.ts";
import { parseMoment, wantedMoment } from "./moment.ts";

const maxTail = 100_000;
const wantedTail = { error: `a whole number from 0 to ${maxTail}` };
const wantedBeginning = { error: "at least one character" };

const query = z.object({
  tail: z.coerce
    .number(wantedTail)
    .int(wantedTail)
    .min(0, wantedTail)
    .max(maxTail, wantedTail)
    .default(100)
    .openapi({ type: "integer" }),
  follow: z.enum(["true", "false"], { error: "true or false" }).default("false"),
  since: z
    .string()
    .transform(sinceMs)
    .optional()
    .openapi({ type: "string", description: "A duration until now, such as 10m, or a date of RFC 3339" }),
  level: z
    .enum(logLevels, { error: `one of ${logLevels.join(", ")}` })
    .optional()
    .openapi({ description: "This severe or more" }),
  instance: z
    .string()
    .min(1, wantedBeginning)
    .optional()
    .openapi({ description: "An instance's id, or its beginning" }),
  request: z.string().min(1, wantedBeginning).optional().openapi({ description: "The id of one invocation's request" }),
});

/** OpenAPI 3.1 has no word for a document a line (3.2 has `itemSchema`), and its types know no `contentSchema`. */
const documentALine = {
  description: "A LogRecord a line",
  contentMediaType: "application/x-ndjson",
  contentSchema: { $ref: "#/components/schemas/LogRecord" },
};

const route = createRoute({
  method: "get",
  path: "/v1/functions/{name}/logs",
  operationId: "readLogs",
  summary: "Its log records, one JSON document a line",
  request: { params: functionParams, query },
  responses: {
    200: { description: "NDJSON", content: { "application/x-ndjson": { schema: z.string().openapi(documentALine) } } },
    ...failures("REQUEST_MALFORMED", "FUNCTION_NOT_FOUND"),
  },
});

export function addLogRoutes(app: OpenAPIHono<AdminEnv>, { runtime, closing }: FunctionRoutesParts): void {
  // Registered and served apart: the typed form knows no answer that is a stream.
  app.openAPIRegistry.register("LogRecord", logRecord);
  app.openAPIRegistry.registerPath(route);
  app.get("/v1/functions/:name/logs", (context) => {
    const found = context.req.query();
    const parsed = query.safeParse(found);
    if (!parsed.success) throw invalidParameters(parsed.error, found);
    const left = new AbortController();
    context.env.outgoing.once("close", () => left.abort());
    const signal = AbortSignal.any([left.signal, closing]);
    const lines = ndjson(runtime.logs(context.req.param("name"), optionsOf(parsed.data, signal)));
    return context.body(ReadableStream.from(lines), 200, { "Content-Type": "application/x-ndjson" });
  });
}

function optionsOf(
  { tail, follow, since, level, instance, request }: z.infer<typeof query>,
  signal: AbortSignal,
): LogOptions {
  const filter = {
    ...(since !== undefined && { sinceMs: since }),
    ...(level !== undefined && { level }),
    ...(instance !== undefined && { instance }),
    ...(request !== undefined && { requestId: request }),
  };
  return { tail, follow: follow === "true", filter, signal };
}

function sinceMs(text: string, context: z.RefinementCtx): number {
  const moment = parseMoment(text, Date.now());
  if (moment !== null) return moment;
  context.addIssue({ code: "custom", message: wantedMoment });
  return z.NEVER;
}

async function* ndjson(records: AsyncIterable<LogRecord>): AsyncGenerator<Uint8Array> {
  const encoder = new TextEncoder();
  for await (const record of records) yield encoder.encode(`${JSON.stringify(record)}\n`);
}
