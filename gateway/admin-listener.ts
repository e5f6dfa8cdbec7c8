// The admin API over TCP, for other machines and for clients that know no unix sockets: off unless `--admin-listen` says
// where. Every request must carry the token: as a bearer, as the password of Basic (faas-cli), or as the access key of a
// SigV4 signature (AWS clients), whose signature itself proves nothing here and is not checked.

import { createHash, timingSafeEqual } from "node:crypto";
import type { Address } from "../runtime/config.ts";
import { TsfnError } from "../runtime/errors.ts";
import { type AdminServerParts, type Guard, serveAdmin } from "./admin-server.ts";
import { awsErrorResponse, isAwsPath, wrongAccessKey } from "./aws/index.ts";
import { endBrokenConnections } from "./connection-end.ts";
import type { ListenerLimits } from "./listener-limits.ts";
import { createStrictServer, type Listener, listenerOf, listenOn } from "./server.ts";
import { problemParts } from "./status.ts";

/** @throws TsfnError LISTEN_FAILED */
export async function openAdminListener(
  address: Address,
  tokenSha256: string,
  parts: AdminServerParts,
  limits: ListenerLimits,
): Promise<Listener> {
  const server = createStrictServer(limits, parts.exchanges);
  serveAdmin(server, parts, guardOf(Buffer.from(tokenSha256, "hex")));
  endBrokenConnections(server, parts.exchanges, limits);
  return listenerOf(server, await listenOn(server, address, "--admin-listen"));
}

function guardOf(expected: Buffer): Guard {
  return (request, response) => {
    const presented = tokenIn(request.headers.authorization ?? "");
    if (presented !== null && timingSafeEqual(createHash("sha256").update(presented).digest(), expected)) return true;
    // What it still sends is not read: a stranger's upload is worth no work.
    response.shouldKeepAlive = false;
    void refuse(request.url ?? "", presented).then(({ status, headers, body }) => {
      response.writeHead(status, headers).end(body);
    });
    return false;
  };
}

/** null when there is none. @param authorization of the header */
export function tokenIn(authorization: string): string | null {
  const [, scheme = "", rest = ""] = /^([A-Za-z0-9-]+)[ ]+(.*)$/.exec(authorization) ?? [];
  switch (scheme.toLowerCase()) {
    case "bearer":
      return rest.trim();
    case "basic":
      return /^[^:]*:(.*)$/s.exec(Buffer.from(rest, "base64").toString())?.[1] ?? null;
    case "aws4-hmac-sha256":
      // https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-authentication-methods.html
      return (
        /(?:^|[ ,])Credential=([^,\s]+)\/\d{8}\/[^/,\s]+\/[^/,\s]+\/aws4_request(?:[,\s]|$)/.exec(rest)?.[1] ?? null
      );
    default:
      return null;
  }
}

interface Refusal {
  readonly status: number;
  readonly headers: string[];
  readonly body: string;
}

async function refuse(url: string, presented: string | null): Promise<Refusal> {
  if (isAwsPath(url)) {
    const response = awsErrorResponse(wrongAccessKey());
    return { status: response.status, headers: [...response.headers].flat(), body: await response.text() };
  }
  const found = presented === null ? "carries no token" : "carries another token";
  const { status, headers, body } = problemParts(
    new TsfnError("TOKEN_REQUIRED", `The request ${found}; the admin API over TCP wants the server's own`),
  );
  return { status, headers: [...headers, "WWW-Authenticate", 'Bearer realm="tsfn"'], body };
}
