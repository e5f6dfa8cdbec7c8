// tsfn doctor: a remedy for everything the probe can find, and a verdict that matches its exit code.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { type Finding, isHealthy } from "../../gateway/cli/doctor/index.ts";
import { hasRemedy } from "../../gateway/cli/doctor/remedies.ts";
import { root } from "../architecture/tree.ts";
import { runCommand } from "../support/command.ts";

const probed = [...readFileSync(join(root, "native/probe.c"), "utf8").matchAll(/^\s+\{"([a-z0-9-]+)", probe_/gm)].map(
  ([, name = ""]) => name,
);

test("every feature that the warden probes has a remedy of its own", (t) => {
  t.true(probed.length > 20);
  t.deepEqual(
    probed.filter((name) => !hasRemedy(name)),
    [],
  );
});

test("degraded is good enough, missing and unknown are not", (t) => {
  const finding = (health: Finding["health"]): Finding => ({ name: "x", health, detail: "", remedy: null });
  t.true(isHealthy([finding("ok"), finding("degraded")]));
  t.false(isHealthy([finding("ok"), finding("missing")]));
  t.false(isHealthy([finding("unknown")]));
});

test("what is not well comes with a remedy, what is well without, and the exit code agrees", async (t) => {
  const { code, stdout } = await runCommand(["doctor", "--json"], { env: { TSFN_LISTEN: "127.0.0.1:0" } });
  const { healthy, findings } = JSON.parse(stdout) as { healthy: boolean; findings: Finding[] };
  t.is(code, healthy ? 0 : 1);
  for (const { name, health, remedy } of findings) t.is(remedy === null, health === "ok", name);
  t.deepEqual(
    probed.filter((name) => !findings.some((finding) => finding.name === name)),
    [],
  );
});
