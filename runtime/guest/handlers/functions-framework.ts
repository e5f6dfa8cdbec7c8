// Modules written for Google's Functions Framework: they register functions with `http(name, …)` and `cloudEvent(name, …)`.
// The bundler lets the guest know of the framework and its registrations (runtime/catalog/framework-module.ts), and the
// framework's own server calls them.

import { Server } from "node:http";
import type { Handler } from "./handler.ts";
import { LoadError } from "./module.ts";
import { serverHandler } from "./node.ts";

/** What the module in the framework's place passes to the guest. */
interface Framework {
  readonly names: readonly string[];
  /** The framework's own. */
  readonly getTestServer: (name: string) => unknown;
}

export interface FrameworkWatch {
  /** null when the framework was not loaded or nothing was registered. @throws LoadError */
  handler(env: NodeJS.ProcessEnv): Handler | null;
}

/** Before the function's code is loaded. */
export function watchFramework(): FrameworkWatch {
  let framework: Framework | null = null;
  const value = (loaded: Framework): void => {
    framework = loaded;
  };
  Object.defineProperty(globalThis, Symbol.for("tsfn.functionsFramework"), { configurable: true, value });
  return { handler: (env) => (framework === null ? null : frameworkHandler(framework, env)) };
}

function frameworkHandler({ names, getTestServer }: Framework, { FUNCTION_TARGET = "" }: NodeJS.ProcessEnv) {
  const [first, ...others] = names;
  if (first === undefined) return null;
  const target = names.find((name) => name === FUNCTION_TARGET) ?? (others.length === 0 ? first : undefined);
  if (target === undefined) {
    throw new LoadError(
      `FUNCTION_TARGET is "${FUNCTION_TARGET}", and the module registers ${names.join(", ")}. Name one in tsfn.json:\n` +
        `  "env": { "FUNCTION_TARGET": "${first}" }`,
    );
  }
  const server = getTestServer(target);
  if (!(server instanceof Server)) throw new LoadError("the Functions Framework made no http.Server");
  return serverHandler("node", server);
}
