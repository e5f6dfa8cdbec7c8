// The warden's verb for a way out: who may have one, what comes with it, and that whatever fails on the way leaves nothing.

import { closeSync, readlinkSync } from "node:fs";
import test from "ava";
import { requests } from "../../runtime/warden/index.ts";
import { held, holdsNoMore } from "../support/held.ts";
import { withFault } from "../support/kernel-faults.ts";
import { inside, shareWarden, spec, type TestWarden } from "../support/warden.ts";

let warden: TestWarden;
shareWarden(test, (shared) => {
  warden = shared;
});

const open = (id: string) => warden.client.request(requests.openNetwork(id));
const denied = (message: RegExp) => ({ code: "SANDBOX_FAILED", message });

test.serial("a sandbox gets three sockets, once, and the warden keeps none and is where it was", async (t) => {
  const home = readlinkSync(`/proc/${warden.pid}/ns/net`);
  const sandbox = await warden.sandboxes.create(spec());
  const before = await held(warden);
  const { descriptors = [] } = await open(sandbox.id);
  t.is(descriptors.length, 3);
  await holdsNoMore(t, warden, before);
  t.is(readlinkSync(`/proc/${warden.pid}/ns/net`), home);
  await t.throwsAsync(open(sandbox.id), denied(/EBUSY/));
  for (const fd of descriptors) closeSync(fd);
  await sandbox.destroy();
});

test.serial("none for a sandbox that is not there, has its process, or is a zygote's", async (t) => {
  await t.throwsAsync(open("nobody"), denied(/there is no sandbox nobody/));
  const running = await warden.sandboxes.create(spec());
  const { wire, tickets, stdout, stderr } = await running.start(inside("sleep"));
  await t.throwsAsync(open(running.id), denied(/EBUSY/));
  await running.destroy();
  tickets?.close();
  for (const stream of [wire, stdout, stderr]) stream.destroy();
  const zygote = await warden.sandboxes.create(spec({ kind: "zygote" }));
  await t.throwsAsync(open(zygote.id), denied(/EINVAL/));
  await zygote.destroy();
});

const faults = [
  ["setns:error=EPERM", /visit the sandbox/],
  ["socket:error=EAFNOSUPPORT:when=1", null],
  ["socket:error=EMFILE:when=1", /listen for what goes out/],
  ["socket:error=EMFILE:when=3", /listen as a name server/],
  ["setsockopt:error=EPERM", /listen for what goes out/],
  ["bind:error=EADDRINUSE", /listen for what goes out/],
  ["listen:error=EADDRINUSE", /listen for what goes out/],
  ["sendto:error=ENOBUFS:when=1", /configure the network/],
  ["sendmsg:error=EAGAIN", /hand over descriptors/],
] as const;

for (const [fault, message] of faults) {
  test.serial(`${fault} leaves nothing, and the next sandbox has a network`, async (t) => {
    const sandbox = await warden.sandboxes.create(spec());
    const before = await held(warden);
    const home = readlinkSync(`/proc/${warden.pid}/ns/net`);
    await withFault(warden, fault, async () => {
      // Without IPv6 there is IPv4.
      if (message === null) for (const fd of (await open(sandbox.id)).descriptors ?? []) closeSync(fd);
      else await t.throwsAsync(open(sandbox.id), denied(message));
    });
    await holdsNoMore(t, warden, before);
    t.is(readlinkSync(`/proc/${warden.pid}/ns/net`), home);
    await sandbox.destroy();
    const next = await warden.sandboxes.create(spec());
    for (const fd of (await open(next.id)).descriptors ?? []) closeSync(fd);
    await next.destroy();
  });
}
