// The fetch shape: `export default { fetch(request, env, ctx) }`, or one export per HTTP method.

import type { Handler, IncomingCall } from "./handler.ts";
import { type Callee, calleeAt } from "./module.ts";

export const methodNames = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] as const;

// Taken before the function's code runs, which may put its own in place.
const { Response } = globalThis;

/** null when `target`, the module's default export, has no `fetch`. */
export function fetchHandler(target: unknown): Handler | null {
  const fetch = calleeAt(target, "fetch");
  if (fetch === null) return null;
  return { shape: "fetch", answer: ({ request, env, context }) => fetch(request(), env, context) };
}

/** null when the module exports no method. */
export function methodsHandler(module: unknown): Handler | null {
  const methods = new Map<string, Callee>();
  for (const name of methodNames) {
    const exported = calleeAt(module, name);
    if (exported !== null) methods.set(name, exported);
  }
  return methods.size === 0 ? null : { shape: "fetch", answer: (call) => answerMethod(methods, call) };
}

function answerMethod(methods: ReadonlyMap<string, Callee>, call: IncomingCall): unknown {
  const { method } = call;
  const callee = methods.get(method) ?? (method === "HEAD" ? methods.get("GET") : undefined);
  if (callee !== undefined) return callee(call.request(), call.env, call.context);
  const allowed = new Set([...methods.keys(), "OPTIONS"]);
  if (allowed.has("GET")) allowed.add("HEAD");
  return new Response(null, { status: method === "OPTIONS" ? 204 : 405, headers: { allow: [...allowed].join(", ") } });
}
