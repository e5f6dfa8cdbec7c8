// Imports the function's module and finds out how it wants to be called (handlers/). What may go wrong
// besides an error that it throws is loading.ts.

import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { Init } from "../wire/index.ts";
import {
  chooseHandler,
  type Handler,
  lambdaEnvironment,
  offerStreaming,
  portOf,
  watchFramework,
  watchPort,
} from "./handlers/index.ts";

const importAsIs = (url: string): Promise<unknown> => import(url);

/** @throws whatever the module throws, or an Error that says which export is wanted. */
export async function loadHandler(init: Init, importModule = importAsIs): Promise<Handler> {
  const { entry, handler: wanted } = init;
  if (wanted === "lambda") describeLambda(init);
  offerStreaming();
  const { env } = process;
  const port = portOf(env);
  const listening = watchPort(port);
  const framework = watchFramework();
  let handler: Handler | null = null;
  try {
    const module: unknown = await importModule(pathToFileURL(resolve(entry)).href);
    handler = await chooseHandler(module, wanted, { port, listening, framework, env });
  } finally {
    // A server may close and listen again; for the others a port is a port.
    if (handler?.shape !== "server") listening.stop();
  }
  if (handler.shape === "lambda") describeLambda(init);
  return handler;
}

/** What only a Lambda function has in its environment; it is known as one at the latest when it is loaded. */
function describeLambda({ env }: Init): void {
  Object.assign(process.env, lambdaEnvironment(env));
}
