// Finds out which shape a module has. What is refused is refused with the line that mends it.

import type { Init } from "../../wire/index.ts";
import { fetchHandler, methodsHandler } from "./fetch.ts";
import type { Handler } from "./handler.ts";
import { calleeAt, exportNames, property } from "./module.ts";

/** The module was evaluated, but it has nothing that can be called in the way that was asked for. */
export class LoadError extends Error {
  override readonly name = "LoadError";
}

/** @throws LoadError that says which export is wanted */
export function chooseHandler(module: unknown, _wanted: Init["handler"]): Handler {
  const target = property(module, "default");
  const handler = fetchHandler(target) ?? methodsHandler(module);
  if (handler !== null) return handler;
  throw new LoadError(reasonOf(module, target));
}

function reasonOf(module: unknown, target: unknown): string {
  if (typeof target === "function") {
    return (
      "`export default function` is ambiguous: it could want (req, res) or (request, env, ctx). Write one of\n" +
      "  export default { fetch: handler };   // handler(request, env, ctx) returns a Response\n" +
      "  export { handler as GET };           // the same for one method"
    );
  }
  if (calleeAt(module, "handler") !== null) {
    return "`export const handler` (the Lambda shape) is not available yet; write `export default { fetch(request) { … } }`";
  }
  return `the module exports ${exportNames(module)}; wanted \`export default { fetch(request) { … } }\` or exports named GET, POST, …`;
}
