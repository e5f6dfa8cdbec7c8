// warden --probe: the table that tsfn doctor reads. Every feature is tried for real, so what it says must agree with the
// machine it runs on, and nothing may be left behind.

import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";

const warden = join(import.meta.dirname, "../../native/build/warden");

interface Feature {
  readonly name: string;
  readonly result: string;
  readonly detail: string;
}

test("each feature is one line of name, result and detail, and named once", (t) => {
  const { features, stderr } = probe([]);
  t.is(stderr, "");
  t.true(features.length > 20);
  for (const { name, result, detail } of features) {
    t.regex(name, /^[a-z0-9]+(?:-[a-z0-9]+)*$/);
    t.true(["ok", "degraded", "missing"].includes(result), `${name}: ${result}`);
    t.true(detail.length > 0, name);
  }
  t.is(new Set(features.map(({ name }) => name)).size, features.length);
});

test("where these tests pass as root, nothing that tsfn needs is missing", (t) => {
  const { status, features } = probe([]);
  t.deepEqual(
    features.filter(({ result }) => result === "missing"),
    [],
  );
  t.is(status, 0);
});

test("without root nothing is tried, and the refusal is one line", (t) => {
  const { status, stdout, stderr } = probe(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]);
  t.is(status, 4);
  t.is(stdout, "");
  t.regex(stderr, /^warden: .*uid 65534, wanted 0.*\n$/);
});

test("a missing capability is named", (t) => {
  const { features } = probe(["setpriv", "--bounding-set=-setuid", "--inh-caps=-all"]);
  const { result, detail } = features.find(({ name }) => name === "capabilities") ?? {};
  t.is(result, "missing");
  t.regex(detail ?? "", /CAP_SETUID/);
});

test("a low limit of open files is reported with the number found and the number wanted", (t) => {
  const { features } = probe(["sh", "-c", `ulimit -n 2000; exec "$0" "$@"`]);
  const { result, detail } = features.find(({ name }) => name === "open-files") ?? {};
  t.deepEqual({ result, detail }, { result: "degraded", detail: "hard limit 2000, wanted 16384" });
});

test("probing leaves no cgroup, mount or process behind", (t) => {
  const mounts = readFileSync("/proc/self/mountinfo", "utf8");
  const { pid } = probe([]);
  t.deepEqual(groupsOf(pid), []);
  t.is(readFileSync("/proc/self/mountinfo", "utf8"), mounts);
});

function probe(prefix: readonly string[]): {
  readonly pid: number;
  readonly status: number | null;
  readonly stdout: string;
  readonly features: readonly Feature[];
  readonly stderr: string;
} {
  const [command = warden, ...args] = [...prefix, warden, "--probe"];
  const { pid, status, stdout, stderr } = spawnSync(command, args, { encoding: "utf8" });
  const features = stdout
    .trim()
    .split("\n")
    .map((line) => line.split("\t"))
    .map(([name = "", result = "", detail = ""]) => ({ name, result, detail }));
  return { pid, status, stdout, features, stderr };
}

/** The trials' groups are named after their own pids, which follow the warden's. */
function groupsOf(wardenPid: number): string[] {
  const trees = readFileSync("/proc/self/mounts", "utf8")
    .split("\n")
    .map((line) => line.split(" "))
    .filter(([, , type]) => type === "cgroup" || type === "cgroup2")
    .map(([, place = ""]) => place);
  return trees
    .flatMap((tree) => readdirSync(tree).map((entry) => join(tree, entry)))
    .filter((path) => {
      const pid = Number(/tsfn-probe-(\d+)$/.exec(path)?.[1]);
      return pid >= wardenPid && pid <= wardenPid + 200;
    });
}
