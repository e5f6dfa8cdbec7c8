// The unix socket of the admin API: whoever can open it controls the server, so its mode is set before it exists and a
// socket file is replaced only when nobody answers on it. What a request does is admin-server.ts.

import { lstat, unlink } from "node:fs/promises";
import type { Server } from "node:http";
import { connect } from "node:net";
import { isErrno, TsfnError } from "../runtime/errors.ts";
import { type AdminServerParts, serveAdmin } from "./admin-server.ts";
import type { ListenerLimits } from "./listener-limits.ts";
import { createStrictServer, type Listener, listenerOf } from "./server.ts";

/** Read and write for the owner and the group, nothing for others. */
const socketMode = 0o660;

/** @throws TsfnError SERVER_RUNNING, LISTEN_FAILED */
export async function openAdminSocket(
  path: string,
  parts: AdminServerParts,
  limits: ListenerLimits,
): Promise<Listener> {
  await removeStale(path);
  const server = createStrictServer(limits, parts.exchanges);
  serveAdmin(server, parts);
  await listen(server, path);
  return listenerOf(server, `unix:${path}`);
}

async function removeStale(path: string): Promise<void> {
  const found = await lstat(path).catch((cause) => {
    if (isErrno(cause, "ENOENT")) return null;
    throw listenFailed(path, cause);
  });
  if (found === null) return;
  if (!found.isSocket()) {
    const message = `Cannot make the admin socket ${path}: there is a file of another kind; wanted none, or a socket`;
    throw new TsfnError("LISTEN_FAILED", message, { hint: "Move it away, or choose another path with --admin" });
  }
  if (await answers(path)) {
    throw new TsfnError("SERVER_RUNNING", `A server answers on ${path} already`, {
      hint: `Stop it with: tsfn server stop --server ${path}`,
    });
  }
  await unlink(path);
}

async function answers(path: string): Promise<boolean> {
  const socket = connect(path);
  try {
    return await new Promise<boolean>((resolve) => {
      socket.once("connect", () => resolve(true));
      // Refused: the file outlived its server. Anything else may be a live one.
      socket.once("error", (cause) => resolve(!isErrno(cause, "ECONNREFUSED") && !isErrno(cause, "ENOENT")));
    });
  } finally {
    socket.destroy();
  }
}

async function listen(server: Server, path: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause) => reject(listenFailed(path, cause)));
    // bind(2) happens inside listen(), so the socket never exists with another mode.
    const umask = process.umask(0o777 & ~socketMode);
    try {
      server.listen({ path, backlog: 511 }, () => {
        server.removeAllListeners("error");
        resolve();
      });
    } finally {
      process.umask(umask);
    }
  });
}

function listenFailed(path: string, cause: unknown): TsfnError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new TsfnError("LISTEN_FAILED", `Cannot make the admin socket ${path}: ${why}`, {
    hint: "Choose another path with --admin",
    cause,
  });
}
