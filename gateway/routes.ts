// The public routes, as a function from a request to what it means: the server's own, then the custom ones of functions.
// The admin API's routes are in admin.ts; both find a function's name and path here.

import type { Route } from "../runtime/catalog/index.ts";
import { TsfnError } from "../runtime/errors.ts";
import type { Runtime } from "../runtime/index.ts";

export interface FunctionRoute {
  readonly kind: "function";
  /** Decoded, but not known to exist. */
  readonly name: string;
  /** Path and query that the function sees; begins with a slash. */
  readonly target: string;
  /** What was cut off the path, for `X-Forwarded-Prefix`; empty when nothing was. */
  readonly prefix: string;
}

export type PublicRoute = { readonly kind: "health" } | FunctionRoute;

/** A target split into the authority an absolute form carries and the rest. */
export interface Target {
  /** null for the usual form, which begins with the path. */
  readonly authority: string | null;
  readonly pathAndQuery: string;
}

/** @throws TsfnError REQUEST_MALFORMED for what is neither a path nor an absolute http URL. */
export function parseTarget(target: string): Target {
  if (target.startsWith("/")) return { authority: null, pathAndQuery: target };
  const absolute = /^https?:\/\/([^/?#]+)(.*)$/i.exec(target);
  if (absolute?.[1] === undefined) {
    throw new TsfnError("REQUEST_MALFORMED", `The request target is ${shown(target)}; wanted a path such as /healthz`);
  }
  const rest = absolute[2] ?? "";
  return { authority: absolute[1], pathAndQuery: rest.startsWith("/") ? rest : `/${rest}` };
}

/**
 * @param authority as the client named it, with its port
 * @throws TsfnError ROUTE_NOT_FOUND, FUNCTION_NOT_FOUND for a name that no function can have.
 */
export function publicRoute(
  { routeTo }: Pick<Runtime, "routeTo">,
  authority: string,
  pathAndQuery: string,
): PublicRoute {
  if (/^\/healthz(?:[?#]|$)/.test(pathAndQuery)) return { kind: "health" };
  const match = /^\/function\/([^/?#]+)(.*)$/s.exec(pathAndQuery);
  if (match?.[1] !== undefined) return functionRoute(match[1], match[2] ?? "", "/function/");
  const name = routeTo(hostOf(authority), pathOf(pathAndQuery));
  if (name !== undefined) return { kind: "function", name, target: pathAndQuery, prefix: "" };
  throw new TsfnError("ROUTE_NOT_FOUND", `There is nothing at ${shown(pathAndQuery)}`);
}

/** Where a function answers besides `/function/<name>`. @param listener of the public listener, as `Listener.url` */
export function routeUrl(listener: string, { host, path }: Route): string {
  const { protocol, host: own, port } = new URL(listener);
  return `${protocol}//${host === null ? own : `${host}${port && `:${port}`}`}${path}`;
}

/** `/v1/functions/<name>/invoke[/*]` of the admin API; null for its other routes. @throws TsfnError as publicRoute */
export function adminInvokeRoute(pathAndQuery: string): FunctionRoute | null {
  const match = /^\/v1\/functions\/([^/?#]+)\/invoke(?=[/?#]|$)(.*)$/s.exec(pathAndQuery);
  if (match?.[1] === undefined) return null;
  return functionRoute(match[1], match[2] ?? "", "/v1/functions/", "/invoke");
}

export function functionNotFound(name: string): TsfnError {
  return new TsfnError("FUNCTION_NOT_FOUND", `There is no function ${shown(name)}`);
}

/** Text of a stranger for a message: quoted, on one line, and short. */
export function shown(text: string): string {
  return JSON.stringify(text.length <= 80 ? text : `${text.slice(0, 77)}...`);
}

/** `Hello.example.com.:8080` is the host `hello.example.com`. */
function hostOf(authority: string): string {
  return authority
    .replace(/:\d+$/, "")
    .replace(/(?<=.)\.$/, "")
    .toLowerCase();
}

/** Dot segments and backslashes mean to a route what they mean to the function, whose `request.url` resolves them. */
function pathOf(pathAndQuery: string): string {
  const end = pathAndQuery.search(/[?#]/);
  const path = end === -1 ? pathAndQuery : pathAndQuery.slice(0, end);
  return /\\|\/(?:\.|%2e)/i.test(path) ? new URL(`http://host${path}`).pathname : path;
}

function functionRoute(segment: string, tail: string, before: string, after = ""): FunctionRoute {
  const name = decodeSegment(segment);
  return {
    kind: "function",
    name,
    target: tail.startsWith("/") ? tail : `/${tail}`,
    prefix: `${before}${name}${after}`,
  };
}

function decodeSegment(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch (cause) {
    const error = functionNotFound(segment);
    throw new TsfnError(error.code, `${error.message}: its percent-encoding is broken`, { cause });
  }
}
