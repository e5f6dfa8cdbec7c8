// Where `tsfn dev` cannot listen: the hint is about what is wrong, the host or the port.

import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import test from "ava";
import { requireFreePort } from "../../gateway/cli/dev/server.ts";
import { TsfnError } from "../../runtime/errors.ts";

test("a host that is none of this machine's is not blamed on the port, and a port that is taken is", async (t) => {
  const taken = createServer().listen(0, "127.0.0.1");
  await once(taken, "listening");
  t.teardown(() => taken.close());
  const { port } = taken.address() as AddressInfo;
  for (const [address, found, option] of [
    [{ host: "192.0.2.9", port: 0 }, /this machine has no such address/, /--host/],
    [{ host: "no-such-host.invalid", port: 0 }, /no-such-host\.invalid/, /--host/],
    [{ host: "127.0.0.1", port }, /something else listens there/, /--port/],
  ] as const) {
    const error = await t.throwsAsync(requireFreePort(address), { code: "LISTEN_FAILED", message: found });
    t.true(error instanceof TsfnError && option.test(error.hint), error.message);
  }
});
