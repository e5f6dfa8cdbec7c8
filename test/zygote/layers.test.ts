// The writable layer between invocations, in every way to start: nobody sees what another invocation wrote.

import test from "ava";
import { openTestRuntime } from "../support/test-runtime.ts";
import { startWarden } from "../support/warden.ts";

const scribbler = `
  import fs from "node:fs";
  const ways = {
    file: () => fs.writeFileSync("/tmp/a", "x"),
    shm: () => fs.writeFileSync("/dev/shm/a", "x"),
    app: () => fs.writeFileSync("/app/a", "x"),
    whiteout: () => fs.rmSync("/app/asset.txt"),
    replace: () => { fs.writeFileSync("/app/new", "changed"); fs.renameSync("/app/new", "/app/asset.txt"); },
    rename: () => fs.renameSync("/app/asset.txt", "/app/renamed.txt"),
    deep: () => fs.mkdirSync("/tmp/a/b/c/d", { recursive: true }),
    unlinked: () => { globalThis.held = fs.openSync("/tmp/h", "w+"); fs.writeSync(globalThis.held, "x"); fs.rmSync("/tmp/h"); },
    mode: () => fs.chmodSync("/app", 0o700),
    times: () => fs.utimesSync("/app", 1, 1),
    gone: () => { fs.writeFileSync("/tmp/a", "x"); fs.rmSync("/tmp/a"); },
    none: () => {},
  };
  const list = (dir) => fs.readdirSync(dir).sort().join();
  const look = () => [list("/tmp"), list("/dev/shm"), list("/app"), fs.readFileSync("/app/asset.txt", "utf8"),
    (fs.statSync("/app").mode & 0o777).toString(8), process.cwd(), list("."), fs.statSync("/app").mtimeMs > 1000 * 1000].join("|");
  export default { fetch(request) {
    const found = look();
    ways[new URL(request.url).searchParams.get("how")]();
    return Response.json({ found, served: (globalThis.served = (globalThis.served ?? 0) + 1) });
  } };`;

for (const prefork of ["function", "runtime", "none"]) {
  test(`no invocation finds what another wrote, and the process stays, with prefork "${prefork}"`, async (t) => {
    const warden = await startWarden(t);
    const faults: string[] = [];
    const observer = { fault: (error: Error) => faults.push(error.message) };
    const { deploy, text } = await openTestRuntime(t, { warden, observer });
    await deploy("scribbler", scribbler, { prefork, scaling: { max: 1 } }, { "asset.txt": "original" });
    const ways = [
      "none",
      "file",
      "shm",
      "app",
      "whiteout",
      "replace",
      "rename",
      "deep",
      "unlinked",
      "mode",
      "times",
      "gone",
    ];
    const found = new Set<string>();
    let calls = 0;
    for (const how of [...ways, ...ways]) {
      calls += 1;
      const answer = JSON.parse(await text("scribbler", { url: `http://localhost/?how=${how}` }));
      found.add(answer.found);
      t.is(answer.served, calls, `the process that served before ${how}`);
    }
    t.is(found.size, 1, [...found].join("\n"));
    t.deepEqual(faults, []);
  });
}

test("an instance that has had 1,000 fresh layers ends, and another one takes over", async (t) => {
  const warden = await startWarden(t);
  const faults: string[] = [];
  const observer = { fault: (error: Error) => faults.push(error.message) };
  const { deploy, text } = await openTestRuntime(t, { warden, observer });
  await deploy("scribbler", scribbler, { scaling: { max: 1 } }, { "asset.txt": "original" });
  const served: number[] = [];
  for (let call = 0; call < 1_003; call += 1) {
    served.push(JSON.parse(await text("scribbler", { url: "http://localhost/?how=file" })).served);
  }
  t.deepEqual(served, [...Array.from({ length: 1_001 }, (_, at) => at + 1), 1, 2]);
  t.deepEqual(faults, []);
});

test("an instance for one invocation begins anew, from a fork made ahead", async (t) => {
  const warden = await startWarden(t);
  const { deploy, text, runtime } = await openTestRuntime(t, { warden });
  await deploy("once", `let calls = 0; export default { fetch: () => new Response(String(++calls)) };`, {
    reuse: "never",
  });
  for (let call = 0; call < 8; call += 1) t.is(await text("once"), "1");
  t.true(runtime.snapshot()[0] !== undefined);
});
