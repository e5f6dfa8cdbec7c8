// The AWS Lambda API on the admin listener: its routes, and one place where every failure becomes an error of AWS's own
// shape. Real clients work with only their endpoint changed (docs/aws.md).

import type { HttpBindings } from "@hono/node-server";
import { type Context, Hono } from "hono";
import type { Exchange } from "../exchanges.ts";
import { readRequestBody } from "../request-body.ts";
import { AwsError, asAwsError, awsErrorResponse } from "./aws-error.ts";
import { type FunctionReference, parseReference } from "./function-reference.ts";
import { configurationOf, createFunction, getFunction, listFunctions, updateFunctionCode } from "./functions.ts";
import { type AwsInvokeParts, invoke } from "./invoke.ts";
import * as published from "./published-versions.ts";
import { invokeStreaming } from "./stream.ts";
import { findVersion } from "./versions.ts";

export { awsErrorResponse } from "./aws-error.ts";

export type AwsParts = AwsInvokeParts;

/** As a route of Hono: every path of the AWS API begins with the date of one of its versions. */
export const awsPath = "/:api{\\d{4}-\\d{2}-\\d{2}}/*";

type AwsEnv = { Bindings: HttpBindings };
type AwsContext = Context<AwsEnv>;

/** Lambda takes archives of up to 50 MiB in a request, in base64. */
const maxDocumentBytes = 72 * 2 ** 20;

export function awsRoutes(parts: AwsParts): Hono<AwsEnv> {
  const { runtime } = parts;
  // Some clients end a path with a slash, some do not.
  const app = new Hono<AwsEnv>({ strict: false });
  app.onError((thrown, context) => failed(parts, context.req.path, thrown));

  app.post("/2015-03-31/functions/:name/invocations", (context) => call(parts, context, invoke));
  app.post("/2021-11-15/functions/:name/response-streaming-invocations", (context) =>
    call(parts, context, invokeStreaming),
  );

  app.post("/2015-03-31/functions", async (context) => {
    return context.json(await createFunction(runtime, await documentOf(context)), 201);
  });
  app.get("/2015-03-31/functions", (context) => context.json(listFunctions(runtime)));
  app.get("/2015-03-31/functions/:name", (context) => {
    const reference = referenceOf(context);
    return context.json(getFunction(findVersion(runtime, reference), reference.qualifier));
  });
  app.get("/2015-03-31/functions/:name/configuration", (context) => {
    const reference = referenceOf(context);
    return context.json(configurationOf(findVersion(runtime, reference), reference.qualifier));
  });
  app.put("/2015-03-31/functions/:name/code", async (context) => {
    return context.json(await updateFunctionCode(runtime, referenceOf(context).name, await documentOf(context)));
  });
  app.delete("/2015-03-31/functions/:name", async (context) => {
    const reference = referenceOf(context);
    if (reference.qualifier !== "$LATEST") {
      throw new AwsError(400, "InvalidParameterValueException", "Versions cannot be deleted, only the whole function");
    }
    findVersion(runtime, reference);
    await runtime.remove(reference.name);
    return context.body(null, 204);
  });

  app.post("/2015-03-31/functions/:name/versions", (context) => {
    return context.json(published.publishVersion(runtime, referenceOf(context).name), 201);
  });
  app.get("/2015-03-31/functions/:name/versions", async (context) => {
    return context.json(await published.listVersions(runtime, referenceOf(context).name));
  });
  app.get("/2015-03-31/functions/:name/aliases", (context) => {
    return context.json(published.listAliases(runtime, referenceOf(context).name));
  });
  app.post("/2015-03-31/functions/:name/aliases", async (context) => {
    const { name } = referenceOf(context);
    return context.json(await published.createAlias(runtime, name, await documentOf(context)), 201);
  });
  app.get("/2015-03-31/functions/:name/aliases/:alias", (context) => {
    return context.json(published.getAlias(runtime, referenceOf(context).name, context.req.param("alias")));
  });
  app.put("/2015-03-31/functions/:name/aliases/:alias", async (context) => {
    const { name } = referenceOf(context);
    const document = await documentOf(context);
    return context.json(await published.updateAlias(runtime, name, context.req.param("alias"), document));
  });
  app.delete("/2015-03-31/functions/:name/aliases/:alias", async (context) => {
    await published.deleteAlias(runtime, referenceOf(context).name, context.req.param("alias"));
    return context.body(null, 204);
  });

  app.all("*", ({ req }) => {
    throw new AwsError(
      404,
      "UnknownOperationException",
      `tsfn has no ${req.method} ${req.path}; docs/aws.md lists what it has`,
    );
  });
  return app;
}

/** @param url path and query */
export function isAwsPath(url: string): boolean {
  return /^\/\d{4}-\d{2}-\d{2}\//.test(url);
}

export function wrongAccessKey(): AwsError {
  const message = "The security token included in the request is invalid; wanted the server's token as the access key";
  return new AwsError(403, "UnrecognizedClientException", message);
}

type Invoke = (parts: AwsParts, exchange: Exchange, reference: FunctionReference) => Promise<Response>;

/** The exchange is what a drain waits for and what ends the invocation when the client leaves. */
async function call(parts: AwsParts, context: AwsContext, invoking: Invoke): Promise<Response> {
  const { incoming, outgoing } = context.env;
  const exchange = parts.exchanges.open(incoming, outgoing);
  const headers = { "x-amzn-requestid": exchange.requestId };
  const response = await invoking(parts, exchange, referenceOf(context)).catch((thrown: unknown) => {
    return failed(parts, context.req.path, thrown);
  });
  for (const [name, value] of Object.entries(headers)) response.headers.set(name, value);
  return response;
}

function failed({ log }: AwsParts, path: string, thrown: unknown): Response {
  const error = asAwsError(thrown);
  if (error.status >= 500) log.error({ err: thrown, path }, "AWS request failed");
  return awsErrorResponse(error);
}

function referenceOf(context: AwsContext): FunctionReference {
  return parseReference(context.req.param("name") ?? "", context.req.query("Qualifier"));
}

async function documentOf(context: AwsContext): Promise<unknown> {
  const body = await readRequestBody(context.env.incoming, { limitBytes: maxDocumentBytes, limitName: "a request" });
  try {
    return JSON.parse(body.length === 0 ? "{}" : body.toString());
  } catch (cause) {
    const message = `Could not parse request body into json: ${(cause as Error).message}`;
    throw new AwsError(400, "InvalidRequestContentException", message, { cause });
  }
}
