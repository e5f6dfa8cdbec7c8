// Imports the function's module and finds out how it wants to be called. What is refused is refused with the line
// that mends it.

import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { Init } from "../wire/index.ts";
import type { ExecutionContext } from "./public.ts";

export type Callee = (request: Request, env: Init["env"], ctx: ExecutionContext) => unknown;

/** `fetch` takes every method; `methods` those that the module exports by name. */
export type Handler =
  | { readonly kind: "fetch"; readonly fetch: Callee }
  | { readonly kind: "methods"; readonly methods: ReadonlyMap<string, Callee> };

const methodNames = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] as const;

/** @throws whatever the module throws, or an Error that says which export is wanted. */
export async function loadHandler(entry: string): Promise<Handler> {
  const module: unknown = await import(pathToFileURL(resolve(entry)).href);
  return handlerOf(module);
}

export function handlerOf(module: unknown): Handler {
  const target = property(module, "default");
  const fetch = property(target, "fetch");
  if (typeof fetch === "function") {
    return { kind: "fetch", fetch: (...args) => Reflect.apply(fetch, target, args) };
  }
  const methods = new Map<string, Callee>();
  for (const name of methodNames) {
    const exported = property(module, name);
    if (typeof exported === "function") methods.set(name, (...args) => Reflect.apply(exported, undefined, args));
  }
  if (methods.size > 0) return { kind: "methods", methods };
  throw new LoadError(reasonOf(module, target));
}

/** The module was evaluated, but it exports nothing that can be called. */
class LoadError extends Error {
  override readonly name = "LoadError";
}

function reasonOf(module: unknown, target: unknown): string {
  if (typeof target === "function") {
    return (
      "`export default function` is ambiguous: it could want (req, res) or (request, env, ctx). Write one of\n" +
      "  export default { fetch: handler };   // handler(request, env, ctx) returns a Response\n" +
      "  export { handler as GET };           // the same for one method"
    );
  }
  if (typeof property(module, "handler") === "function") {
    return "`export const handler` (the Lambda shape) is not available yet; write `export default { fetch(request) { … } }`";
  }
  const names = typeof module === "object" && module !== null ? Object.keys(module) : [];
  const found = names.length === 0 ? "nothing" : names.slice(0, 20).join(", ");
  return `the module exports ${found}; wanted \`export default { fetch(request) { … } }\` or exports named GET, POST, …`;
}

function property(value: unknown, name: string): unknown {
  if ((typeof value !== "object" && typeof value !== "function") || value === null) return undefined;
  return Reflect.get(value, name);
}
