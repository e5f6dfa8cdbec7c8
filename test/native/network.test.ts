// The warden's verb for a way out: who may have one, what comes with it, and that whatever fails on the way leaves nothing.

import { closeSync, readlinkSync } from "node:fs";
import test from "ava";
import { openEgress } from "../../runtime/egress/index.ts";
import { linuxSandboxes, type SandboxFactory } from "../../runtime/sandbox/index.ts";
import { requests } from "../../runtime/warden/index.ts";
import type { Owner } from "../support/function-directory.ts";
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

const access = { functionName: "tested", network: "internet", notice: () => {} } as const;

/** With room for two. */
function withEgress(t: Owner): SandboxFactory {
  const egress = openEgress({ openFiles: 60, fault: () => {} });
  t.teardown(async () => {
    // No descriptors: its worker, which would keep this process, ends.
    const sockets = { connections: -1, names: -1, nameStreams: -1 };
    const lost = Promise.withResolvers<void>();
    egress.reserve().open({ id: "last", ...access, sockets, lost: () => lost.resolve() });
    await lost.promise;
  });
  return linuxSandboxes(warden.client, egress);
}

test.serial("sandboxes that get a network at the same time are no more than may have one", async (t) => {
  const sandboxes = withEgress(t);
  const made = await Promise.all(Array.from({ length: 4 }, () => sandboxes.create(spec())));
  const opened = await Promise.allSettled(made.map((sandbox) => sandbox.openNetwork(access)));
  const refused = opened.flatMap((result) => (result.status === "rejected" ? [result.reason.code] : []));
  t.deepEqual(refused, ["NO_CAPACITY", "NO_CAPACITY"]);
  await Promise.all(made.map((sandbox) => sandbox.destroy()));
});

test.serial("a network that cannot be had takes nobody's room", async (t) => {
  const sandboxes = withEgress(t);
  const sandbox = await sandboxes.create(spec());
  await sandbox.openNetwork(access);
  // It has one.
  for (let time = 0; time < 3; time++)
    await t.throwsAsync(sandbox.openNetwork(access), { code: "STARTUP_FAILED", message: /EBUSY/ });
  const other = await sandboxes.create(spec());
  await t.notThrowsAsync(other.openNetwork(access));
  await Promise.all([sandbox.destroy(), other.destroy()]);
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
