// Real programs under the real filter: what functions run must not notice it. A call that is missing from
// native/filter_list.h shows here as a program that fails.

import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { compile, programDirectory } from "./compile.ts";

const directory = programDirectory();
test.after.always(() => directory[Symbol.dispose]());

const underFilter = compile(directory.path, "under_filter", ["seccomp.c", "caps.c", "error.c"], "plain");
const tour = join(import.meta.dirname, "fixtures/node-tour.mjs");

const run = (program: string, ...args: string[]): { code: number | null; stdout: string; stderr: string } => {
  const { status, stdout, stderr } = spawnSync(underFilter, [program, ...args], { encoding: "utf8" });
  return { code: status, stdout, stderr };
};

test("the filter is on in the programs below", (t) => {
  t.regex(run("/bin/cat", "/proc/self/status").stdout, /^Seccomp:\s2$/m);
});

for (const [name, flags] of [
  ["as it is", []],
  ["with the flags of a zygote", ["--v8-pool-size=0", "--single-threaded", "--disable-sigusr1"]],
] as const) {
  test(`node ${name} compiles, collects, forks children, serves and connects`, (t) => {
    const plain = spawnSync(process.execPath, [...flags, tour], { encoding: "utf8" });
    t.is(plain.status, 0, plain.stderr);
    t.deepEqual(run(process.execPath, ...flags, tour), { code: 0, stdout: plain.stdout, stderr: plain.stderr });
  });
}

test("node copies files and serves them although sendfile and splice are refused", (t) => {
  const script = `const fs = require("fs"); const d = fs.mkdtempSync("/tmp/tsfn-copy-");
    fs.writeFileSync(d + "/a", Buffer.alloc(5e6, 7)); fs.copyFileSync(d + "/a", "/dev/shm/" + process.pid);
    console.log(fs.statSync("/dev/shm/" + process.pid).size); fs.rmSync("/dev/shm/" + process.pid);
    fs.rmSync(d, { recursive: true })`;
  t.deepEqual(run(process.execPath, "-e", script), { code: 0, stdout: "5000000\n", stderr: "" });
});

test("a shell runs pipes, jobs, traps and here-documents", (t) => {
  const script = `set -e; echo a | sed s/a/b/; (sleep 0.01; echo c) & wait; trap 'echo d' EXIT; cat <<E
e
E
f=$(mktemp); cp /bin/sh "$f"; cmp /bin/sh "$f"; rm "$f"; mkfifo "$f"; (echo g >"$f") & cat "$f"; rm "$f"`;
  t.deepEqual(run("/bin/sh", "-c", script), { code: 0, stdout: "b\nc\ne\ng\nd\n", stderr: "" });
});

const python = `
import hashlib, json, multiprocessing, os, shutil, socket, sqlite3, subprocess, tempfile, threading
with tempfile.TemporaryDirectory() as d:
    open(d + "/a", "wb").write(b"x" * 3000000)
    shutil.copyfile(d + "/a", d + "/b")
    assert os.path.getsize(d + "/b") == 3000000
    sqlite3.connect(d + "/db").execute("create table t (c)")
    a, b = socket.socketpair()
    sent = threading.Thread(target=lambda: (a.sendfile(open(d + "/a", "rb")), a.close()))
    sent.start()
    assert sum(len(chunk) for chunk in iter(lambda: b.recv(65536), b"")) == 3000000
assert subprocess.check_output(["echo", "hi"]) == b"hi\\n"
with multiprocessing.Pool(2) as pool:
    assert pool.map(abs, [-1, -2]) == [1, 2]
print("ok")
`;

const others = [
  {
    path: "/bin/bash",
    args: ["-c", `coproc c { cat; }; echo x >&\${c[1]}; read -r y <&\${c[0]}; echo $y`],
    says: "x\n",
  },
  { path: "/usr/bin/python3", args: ["-c", python], says: "ok\n" },
  {
    path: "/usr/bin/curl",
    args: ["--silent", "file:///etc/hostname", "--output", "/dev/null", "-w", "%{exitcode}"],
    says: "0",
  },
];

for (const { path, args, says } of others) {
  test(`${path} works under the filter`, (t) => {
    if (!existsSync(path)) {
      t.is(process.env.CI, undefined, `CI lacks ${path}`);
      t.log(`not tried: there is no ${path} here`);
      t.pass();
      return;
    }
    t.deepEqual(run(path, ...args), { code: 0, stdout: says, stderr: "" });
  });
}
