// What `routes` in tsfn.json may hold: paths, hosts, or both. As in manifest-schema.ts a message is the "wanted" half of a
// sentence; which of several routes a request takes is route-table.ts.

import * as z from "zod";
import { besideOtherProblems, isRefused } from "./cross-check.ts";
import type { Route } from "./version.ts";

const maxRoutes = 100;
const maxPathLength = 1_024;
const maxHostLength = 253;

/** Compared with paths as they are sent: so no character that clients encode in more than one way, and no dot segment. */
const pathPattern = /^(?=\/)(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._~!$&'()+,;=:@-]+)*(?:\/\*?)?$/;
const wantedPath = `a path such as "/hello" or "/hello/*": ASCII that needs no encoding, and * only after the last /`;
const wantedFreePath = "a path that is neither /healthz nor below /function, which are the server's own";

const hostPattern = /^(?:\*\.)?[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/;
const wantedHost = `a host name such as "hello.example.com" or "*.example.com": lower case, without a port`;

const wantedRoute = `a path such as "/hello/*", or an object: { "host": "hello.example.com" }`;
const wantedRoutes = `a list of routes: ["/hello/*", { "host": "hello.example.com" }]`;

const pathSchema = z
  .string({ error: wantedPath })
  .max(maxPathLength, { error: `at most ${maxPathLength} characters` })
  .regex(pathPattern, { error: wantedPath })
  .refine((path) => !/^\/(?:healthz|function)(?:\/|$)/.test(path), { error: wantedFreePath });

const hostSchema = z
  .string({ error: wantedHost })
  .max(maxHostLength, { error: `at most ${maxHostLength} characters` })
  .regex(hostPattern, { error: wantedHost });

const routeSchema = z.union(
  [
    pathSchema.transform((path): Route => ({ host: null, path })),
    z
      .strictObject({ host: hostSchema.optional(), path: pathSchema.optional() })
      .refine(({ host, path }) => host !== undefined || path !== undefined, { error: `"host", "path" or both` })
      .transform(({ host = null, path = "/*" }): Route => ({ host, path })),
  ],
  { error: wantedRoute },
);

export const routesSchema = z
  .array(routeSchema, { error: wantedRoutes })
  .max(maxRoutes, { error: `at most ${maxRoutes} routes` })
  .superRefine((routes, context) => {
    const seen = new Set<string>();
    routes.forEach((route, index) => {
      if (isRefused(context, index)) return;
      const pattern = patternOf(route);
      if (seen.has(pattern)) context.addIssue({ code: "custom", path: [index], message: "each route once" });
      seen.add(pattern);
    });
  }, besideOtherProblems)
  .meta({
    description: "paths and hosts under which the function also answers; /hello/* is /hello and everything below it",
  });

/** `hello.example.com/shop/*`, or `/hello/*` for every host: the same for no two routes. */
export function patternOf({ host, path }: Route): string {
  return `${host ?? ""}${path}`;
}
