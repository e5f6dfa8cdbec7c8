// The warden built with the address and undefined behaviour sanitizers lives through everything once: a wrong access
// anywhere would end it with a report on stderr.

import { execFileSync } from "node:child_process";
import { join } from "node:path";
import test from "ava";
import { requests } from "../../runtime/warden/index.ts";
import { root } from "../architecture/tree.ts";
import { inside, run, spec, startWarden } from "../support/warden.ts";
import { addNodeLayer, generic, startZygote, usualClaim } from "../support/zygote.ts";

test("no request, failure or end makes the sanitizers speak", async (t) => {
  execFileSync("make", ["-s", "-C", join(root, "native"), "sanitize"], { stdio: ["ignore", "ignore", "inherit"] });
  const warden = await startWarden(t, { binary: join(root, "native/build/warden-sanitize") });
  t.is((await run(warden, inside("exit", "3"))).exit.exitCode, 3);
  t.is((await run(warden, inside("hog"), spec({ memoryBytes: 16 << 20 }))).exit.signal, "SIGKILL");
  await t.throwsAsync(run(warden, { ...inside("wait"), argv: ["/missing"] }));
  await t.throwsAsync(run(warden, inside("wait"), spec({ layers: ["0".repeat(64)] })));
  await t.throwsAsync(warden.client.request(requests.usage("ghost")));
  const many = await Promise.all(Array.from({ length: 30 }, () => warden.sandboxes.create(spec())));
  const longest = { ...inside("wait"), env: { LONG: "x".repeat(50_000) } };
  await Promise.all(many.slice(0, 20).map((sandbox) => sandbox.start(longest)));
  await many[0]?.setLimits({ memoryBytes: 32 << 20, cpus: 0.25, pids: 4 });
  await many[0]?.usage();
  await warden.client.request(requests.list());
  await warden.client.request(requests.probe());
  await Promise.all(many.slice(0, 10).map((sandbox) => sandbox.destroy()));
  const hasty = spec();
  await Promise.allSettled([warden.sandboxes.create(hasty), warden.client.request(requests.destroy(hasty.id))]);
  await addNodeLayer(warden);
  const zygote = await startZygote(warden);
  const clones = await Promise.all(Array.from({ length: 10 }, () => zygote.fork()));
  await clones[0]?.sandbox.resetLayer();
  await clones[0]?.sandbox.shareWorkingSet();
  await (await zygote.fork()).sandbox.destroy();
  clones[1]?.tell("exit");
  await clones[1]?.process.exited;
  await Promise.all(clones.slice(0, 5).map(({ sandbox }) => sandbox.destroy()));
  const missing = { ...usualClaim, layers: ["0".repeat(64)] };
  await t.throwsAsync((await generic(warden)).fork(zygote.sandbox, missing));
  await zygote.sandbox.kill();
  // Thirty are left: the end of the warden ends them.
  t.like(await warden.stop(), { code: 143, signal: null, stderr: "" });
});
