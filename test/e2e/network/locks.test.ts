// That a way out is no way around: a function with a network has every lock of one without, and cannot change, take over or
// outlive what was made for it.

import { readlinkSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import test from "ava";
import { functionDirectory } from "../../support/function-directory.ts";
import { compileStatic } from "../../support/host-programs.ts";
import { processesOf } from "../../support/kinds.ts";
import { descriptorsOf, namespacesOf, readProc } from "../../support/processes.ts";
import { startServer } from "../../support/server.ts";
import { startSmallInternet } from "../../support/small-internet.ts";
import { until } from "../../support/until.ts";
import { deployErrands, errandsIn } from "./errands.ts";

const meddled = `add a route EPERM
delete a route EPERM
delete a route of IPv6 EPERM
make a device EPERM
take loopback down ENOSYS
speak to nftables EPROTONOSUPPORT
open a raw socket EPERM
open a packet socket EAFNOSUPPORT
be transparent EPERM
be transparent in IPv6 EPERM
have any address done
listen for what goes out EACCES
be the name server EACCES
`;

for (const prefork of ["function", "runtime", "none"] as const) {
  test.serial(`prefork "${prefork}": a function can change nothing of its network`, async (t) => {
    const world = await startSmallInternet(t);
    const server = await startServer(t, { network: world });
    const directory = errandsIn(t, { name: "meddler", network: "internet", prefork });
    compileStatic("test/e2e/programs/meddle.c", join(directory, "meddle"));
    const meddler = await deployErrands(server, directory);
    t.is(await meddler.run("run", { program: "/app/meddle" }), meddled);
    t.is(await meddler.run("reach", { host: "8.8.8.8", port: 80 }), "HTTP/1.1");
    const [instance] = processesOf("instance", server.info());
    const pid = instance?.pid ?? 0;
    const namespaces = [pid, server.info().pid].map((each) => namespacesOf(each).get("net"));
    t.not(namespaces[0], namespaces[1]);
    t.regex(readProc(pid, "status") ?? "", /^CapEff:\s0+$/m);
    const sockets = new Set(descriptorsOf(server.info().pid).filter((target) => target.startsWith("socket:")));
    t.false(
      descriptorsOf(pid).some((target) => sockets.has(target)),
      "no socket of tsfnd",
    );
    // What it is forked from, or what is ready for others, has no such network.
    for (const zygote of processesOf("zygote", server.info())) {
      t.not(readlinkSync(`/proc/${zygote.pid}/ns/net`), readlinkSync(`/proc/${pid}/ns/net`));
      t.false((readProc(zygote.pid, "net/tcp6") ?? "").includes(":0001 "), "nobody listens for what goes out of it");
    }
  });
}

test.serial("a module that connects while it is loaded needs a network then", async (t) => {
  const world = await startSmallInternet(t);
  world.name("api.example.com", ["8.8.8.8"]);
  const server = await startServer(t, { network: world });
  const directory = (prefork: string) =>
    functionDirectory(t, {
      "tsfn.json": JSON.stringify({ name: `early-${prefork}`, network: "internet", prefork }),
      "index.ts": `const { localPort } = await (await fetch("http://api.example.com/")).json() as { localPort: number };
        export default { fetch: async () => Response.json(localPort) };`,
    });
  const { code, stderr } = await server.cli(["deploy", directory("function")]);
  t.is(code, 1);
  t.regex(stderr, /EAI_AGAIN|ENOTFOUND/);
  t.regex(stderr, /^fix: .*"prefork": "runtime"/m);
  for (const prefork of ["runtime", "none"]) {
    await server.deploy(directory(prefork));
    t.is(await (await server.fetch(`/function/early-${prefork}`)).text(), "80");
  }
});

for (const victim of ["tsfnd", "warden"] as const) {
  test.serial(`kill -9 of ${victim} ends every connection and leaves nothing`, async (t) => {
    const world = await startSmallInternet(t);
    const server = await startServer(t, { network: world });
    const held = await deployErrands(server, errandsIn(t, { name: "held", network: "internet" }));
    t.is(await held.run<number>("hold", { host: "8.8.8.8", port: 7, count: 20 }), 20);
    t.is((await world.state()).open, 20);
    server.kill9(victim);
    await server.ended();
    await until("they ended", async () => (await world.state()).open === 0);
    await server.start();
    t.is(await held.run<number>("hold", { host: "8.8.8.8", port: 7, count: 3 }), 3);
  });
}

test.serial("a server stops at once with connections open and on their way", async (t) => {
  const world = await startSmallInternet(t);
  const server = await startServer(t, { network: world, flags: ["--grace", "1s"] });
  const held = await deployErrands(server, errandsIn(t, { name: "held", network: "internet" }));
  t.is(await held.run<number>("hold", { host: "8.8.8.8", port: 7, count: 50 }), 50);
  // Nobody is there, and nobody says so.
  const onTheirWay = held.run("hold", { host: "1.2.3.4", port: 7, count: 50 }).catch(() => "aborted");
  const halfClosed = Array.from({ length: 20 }, () => held.run("talk", { host: "1.2.3.4", port: 7, text: "x" }));
  const ends = Promise.allSettled(halfClosed);
  await sleep(500);
  const stoppedAtMs = performance.now();
  t.is((await server.stop()).code, 0);
  const tookMs = performance.now() - stoppedAtMs;
  t.true(tookMs < 3_000, `${tookMs} ms`);
  await Promise.all([onTheirWay, ends]);
  await until("they ended", async () => (await world.state()).open === 0);
});

test.serial("a function that is replaced all the time leaves no socket behind", async (t) => {
  const world = await startSmallInternet(t);
  const server = await startServer(t, { network: world });
  const manifest = { name: "once", network: "internet", reuse: "never", scaling: { idleTimeout: "50ms" } };
  const once = await deployErrands(server, errandsIn(t, manifest));
  const call = () => once.run("reach", { host: "8.8.8.8", port: 80 });
  const round = async () => t.deepEqual(await Promise.all([call(), call(), call()]), Array(3).fill("HTTP/1.1"));
  const socketsAtRest = async (): Promise<number> => {
    await until("its instances are gone", () => processesOf("instance", server.info()).length === 0);
    await sleep(200);
    return descriptorsOf(server.info().pid).filter((target) => target.startsWith("socket:")).length;
  };
  await round();
  const before = await socketsAtRest();
  for (let rounds = 0; rounds < 20; rounds += 1) await round();
  const after = await socketsAtRest();
  t.true(after <= before + 2, `${before} sockets before 60 instances, ${after} after`);
  t.is((await world.state()).open, 0);
});
