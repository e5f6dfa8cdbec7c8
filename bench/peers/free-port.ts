// A port for a program that cannot be told to choose one itself.

import { once } from "node:events";
import { createServer } from "node:net";

/** Of 127.0.0.1; nobody listens on it when this resolves. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("a TCP server has no port");
  return address.port;
}
