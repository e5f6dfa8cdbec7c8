// What a request of the admin API does, on whichever listener it comes: the unix socket (admin-socket.ts) or TCP
// (admin-listener.ts). Calls of functions go past the API to invoke.ts.

import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { getRequestListener } from "@hono/node-server";
import { asTsfnError, TsfnError } from "../runtime/errors.ts";
import { type AdminParts, createAdmin } from "./admin.ts";
import { sendProblem } from "./answer.ts";
import { type InvokeParts, invoke } from "./invoke.ts";
import { adminInvokeRoute, type FunctionRoute, parseTarget } from "./routes.ts";

export type AdminServerParts = AdminParts & InvokeParts;

/** Answers the request itself and returns false when it must go no further. */
export type Guard = (request: IncomingMessage, response: ServerResponse) => boolean;

export function serveAdmin(server: Server, parts: AdminServerParts, guard: Guard = () => true): void {
  const api = getRequestListener(createAdmin(parts).fetch, { overrideGlobalObjects: false });
  const accept = (request: IncomingMessage, response: ServerResponse, awaitsContinue = false): void => {
    if (!guard(request, response)) return;
    const route = routeOf(request);
    if (route === null) {
      if (awaitsContinue) response.writeContinue();
      void api(request, response);
      return;
    }
    const exchange = parts.exchanges.open(request, response, { awaitsContinue });
    if (route instanceof TsfnError) void sendProblem(exchange, route);
    else void invoke(parts, exchange, route);
  };
  server.on("request", accept);
  server.on("checkContinue", (request, response) => accept(request, response, true));
}

/** null: a route of the API. */
function routeOf({ url = "" }: IncomingMessage): FunctionRoute | TsfnError | null {
  try {
    return adminInvokeRoute(parseTarget(url).pathAndQuery);
  } catch (thrown) {
    return asTsfnError(thrown);
  }
}
