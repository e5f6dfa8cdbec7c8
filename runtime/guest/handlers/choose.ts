// Finds out which shape a module has. What is refused is refused with the line that mends it.

import type { Init } from "../../wire/index.ts";
import { fetchHandler, methodsHandler } from "./fetch.ts";
import type { FrameworkWatch } from "./functions-framework.ts";
import type { Handler } from "./handler.ts";
import { lambdaHandler } from "./lambda.ts";
import { connectToPort, type PortWatch } from "./listening.ts";
import { exportNames, kindOf, LoadError, property } from "./module.ts";
import { nodeHandler, serverHandler } from "./node.ts";
import { relay } from "./relay.ts";

/** What there is besides the module's exports. */
export interface Surroundings {
  readonly port: number;
  readonly listening: PortWatch;
  readonly framework: FrameworkWatch;
  readonly env: NodeJS.ProcessEnv;
}

/** For a module that exports nothing: it may begin to listen a moment after it is loaded. */
const listenPatienceMs = 2_000;

/** @throws LoadError that says what is wanted */
export async function chooseHandler(module: unknown, wanted: Init["handler"], around: Surroundings): Promise<Handler> {
  const chosen = await choosers[wanted](module, around);
  return chosen;
}

type Chooser = (module: unknown, around: Surroundings) => Handler | Promise<Handler>;

const choosers: Readonly<Record<Init["handler"], Chooser>> = {
  auto: chooseByExports,
  fetch: (module) =>
    fetchOf(module) ?? refuse(module, "`export default { fetch(request) { … } }` or exports named GET, POST, …"),
  lambda: (module) => lambdaHandler(module) ?? refuse(module, "`export const handler = async (event, context) => …`"),
  node: (module, { env, framework }) =>
    framework.handler(env) ??
    nodeHandler(nodeTarget(module, env)) ??
    refuse(module, "`export default (req, res) => { … }`, an app such as Express's, or an http.Server"),
  server: (_module, around) => chooseServer(around, Number.POSITIVE_INFINITY),
};

async function chooseByExports(module: unknown, around: Surroundings): Promise<Handler> {
  const { listening, framework, env } = around;
  const target = property(module, "default");
  const [fetch, lambda] = [fetchOf(module), lambdaHandler(module)];
  if (fetch !== null && lambda !== null) throw new LoadError(twoShapes);
  const exported = fetch ?? lambda ?? framework.handler(env);
  if (exported !== null) return exported;
  if (listening.server !== null) return serverHandler("server", listening.server);
  if (typeof target === "function") throw new LoadError(bareFunction);
  if (exportNames(module) === "nothing") return await chooseServer(around, listenPatienceMs);
  return refuse(module, "`export default { fetch(request) { … } }` or exports named GET, POST, …");
}

function fetchOf(module: unknown): Handler | null {
  const target = property(module, "default");
  // What a CommonJS module exports is all in its default.
  return fetchHandler(target) ?? methodsHandler(module) ?? methodsHandler(target);
}

/** The default export, or the one that FUNCTION_TARGET names, as on Google Cloud. */
function nodeTarget(module: unknown, { FUNCTION_TARGET = "" }: NodeJS.ProcessEnv): unknown {
  const target = property(module, "default");
  if (typeof target === "function") return target;
  return property(module, FUNCTION_TARGET) ?? property(target, FUNCTION_TARGET) ?? target;
}

async function chooseServer({ port, listening }: Surroundings, patienceMs: number): Promise<Handler> {
  if (!(await listening.opened(patienceMs))) {
    const elsewhere = listening.otherPorts.length === 0 ? "" : ` It listens on ${listening.otherPorts.join(", ")}.`;
    throw new LoadError(
      `the module exports nothing and does not listen on PORT, which is ${port}.${elsewhere} Write one of\n` +
        "  export default { fetch(request) { … } };\n" +
        "  server.listen(process.env.PORT);",
    );
  }
  const { server } = listening;
  if (server !== null) return serverHandler("server", server);
  return { shape: "server", answer: (call) => relay(call, connectToPort(port)).answer };
}

function refuse(module: unknown, wanted: string): never {
  throw new LoadError(`the module exports ${exportNames(module)}${notCallable(module)}; wanted ${wanted}`);
}

/** What has the right name, but is no function. */
function notCallable(module: unknown): string {
  const target = property(module, "default");
  const [fetch, handler] = [property(target, "fetch"), property(module, "handler")];
  if (fetch !== undefined && typeof fetch !== "function") return `, but the fetch of its default is ${kindOf(fetch)}`;
  return handler === undefined || typeof handler === "function" ? "" : `, but its handler is ${kindOf(handler)}`;
}

const bareFunction =
  "`export default function` is ambiguous: it could want (req, res) or (request, env, ctx). Write one of\n" +
  "  export default { fetch: handler };   // handler(request, env, ctx) returns a Response\n" +
  '  "handler": "node"                    // in tsfn.json: (req, res), an Express app';

const twoShapes =
  "the module exports both `handler` (the lambda shape) and `fetch` or methods. Write one of\n" +
  '  "handler": "fetch"    // in tsfn.json\n' +
  '  "handler": "lambda"   // in tsfn.json';
