// The resolvers of the server, in network namespaces where some of them cannot be reached: whoever asks is told, or answered
// by the next one.

import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import test from "ava";
import { type Owner, temporaryDirectory } from "../support/function-directory.ts";

/** Prints the addresses that are answered, or the code of why none is. */
const program = `
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { decode, encode } from "dns-packet";
import { Resolver } from ${JSON.stringify(join(import.meta.dirname, "../../runtime/egress/resolver.ts"))};
const server = createSocket("udp4").bind(53, "127.0.0.1");
await once(server, "listening");
server.on("message", (bytes, { port, address }) => {
  const { id, questions } = decode(bytes);
  const answers = [{ type: "A", name: questions[0].name, ttl: 60, data: "8.8.8.8" }];
  server.send(encode({ type: "response", id, questions, answers }), port, address);
});
const resolver = new Resolver({ lookups: 4, lookupTimeoutMs: 60_000 }, () => performance.now());
const question = { type: "A", name: "api.example.com" };
const asked = await resolver.ask(question, { hasOptions: false, transport: process.argv[1] }).then(
  (bytes) => decode(bytes).answers.map(({ data }) => data).join(),
  (error) => error.code ?? String(error),
);
console.log(asked);
process.exit();
`;

/** In a network namespace with nothing but loopback. */
async function ask(t: Owner, transport: string, resolvers: readonly string[]): Promise<string> {
  const path = join(temporaryDirectory(t), "resolv.conf");
  writeFileSync(path, resolvers.map((address) => `nameserver ${address}\n`).join(""));
  const setUp = `ip link set lo up && mount --bind ${path} /etc/resolv.conf && exec "$0" "$@"`;
  const node = [process.execPath, "--input-type=module", "-e", program, transport];
  const { stdout } = await promisify(execFile)("unshare", ["--net", "--mount", "sh", "-c", setUp, ...node]);
  return stdout.trim();
}

for (const transport of ["udp", "tcp"])
  test(`resolvers without a route are a failure of the lookup and of nothing else: ${transport}`, async (t) => {
    t.is(await ask(t, transport, ["192.0.2.53", "2001:db8::53"]), "ENETUNREACH");
  });

test("after one without a route, and one that is no address to send to, the next one is asked", async (t) => {
  t.is(await ask(t, "udp", ["192.0.2.53", "2001:db8::53", "127.0.0.1"]), "8.8.8.8");
  t.is(await ask(t, "udp", ["fe80::1", "127.0.0.1"]), "8.8.8.8");
});
