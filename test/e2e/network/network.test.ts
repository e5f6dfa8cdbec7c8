// What a function may connect to, as its tsfn.json says: everything public, the destinations on a list, or nothing. The
// server and the world around it are network namespaces that this file makes (small-internet.ts).

import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import test from "ava";
import { type Server, startServer } from "../../support/server.ts";
import { type SmallInternet, startSmallInternet } from "../../support/small-internet.ts";
import { until } from "../../support/until.ts";
import { deployErrands, type Errands, errandsIn } from "./errands.ts";

const mib = 2 ** 20;

let world: SmallInternet;
let server: Server;
let open: Errands;
const undo: (() => unknown)[] = [];
const owner = { teardown: (step: () => unknown) => undo.unshift(step) };

test.before(async () => {
  world = await startSmallInternet(owner);
  world.name("api.example.com", ["93.184.216.34", "2606:4700::1111"]);
  server = await startServer(owner, { network: world });
  open = await deployErrands(server, errandsIn(owner, { name: "open", network: "internet" }));
});

test.after.always(async () => {
  for (const step of undo) await step();
});

/** What the function's log says of its network. */
async function notices(name: string): Promise<string[]> {
  const { stdout } = await server.cli(["logs", name, "--json", "--tail", "1000"]);
  const records = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { stream: string; msg: string });
  return records.flatMap(({ stream, msg }) => (stream === "platform" && msg.startsWith("network: ") ? [msg] : []));
}

test.serial("internet: fetch by name, over http and https, comes from the server's address", async (t) => {
  const seen = { host: "api.example.com", remoteAddress: "::ffff:9.9.9.9", localAddress: "::ffff:93.184.216.34" };
  t.like(await open.run("fetch", { url: "http://api.example.com/" }), { ...seen, localPort: 80 });
  const { authority } = world;
  t.like(await open.run("fetch", { url: "https://api.example.com/", authority }), { ...seen, localPort: 443 });
});

test.serial("internet: TCP by address, of both families, with an end for each direction", async (t) => {
  for (const host of ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8"])
    t.is(await open.run("talk", { host, port: 7, text: "hello" }), "hellobye 5", host);
});

test.serial("internet: 128 MiB each way arrive as they were sent, and are not held on the way", async (t) => {
  const { pid } = server.info();
  const status = () => readFileSync(`/proc/${pid}/status`, "utf8");
  const memoryKb = (field: string) => Number(new RegExp(`^${field}:\\s+(\\d+)`, "m").exec(status())?.[1]);
  t.true(await open.run("download", { url: "http://8.8.8.8/bytes?n=1000", bytes: 1000 }));
  writeFileSync(`/proc/${pid}/clear_refs`, "5");
  const beforeKb = memoryKb("VmRSS");
  const url = `http://api.example.com/bytes?n=${128 * mib}`;
  t.true(await open.run("download", { url, bytes: 128 * mib, pauseMs: 1_000 }));
  t.true(await open.run("upload", { url: "http://api.example.com/", bytes: 128 * mib }));
  const grownKb = memoryKb("VmHWM") - beforeKb;
  t.log(`tsfnd grew by ${grownKb} KiB`);
  // As much as V8 lets lie before it looks for garbage.
  t.true(grownKb < 96 * 1024, `${grownKb} KiB`);
});

const refused = [
  ...["10.0.0.5", "192.168.7.7", "172.16.0.9", "100.64.0.1", "169.254.169.254", "198.18.0.1", "224.0.0.9"],
  ...["::ffff:10.0.0.5", "::ffff:169.254.169.254", "fd00::5", "2002:a00:5::1", "64:ff9b::a00:5", "9.9.9.9"],
  ...["2620:fe::9", "9.9.9.1", "255.255.255.255", "fe80::1", "ff02::1"],
];

test.serial(
  "internet: private, link-local, multicast, translated and the server's own addresses are refused",
  async (t) => {
    const { accepted } = await world.state();
    for (const host of refused.filter((address) => address !== "9.9.9.1")) {
      const code = await open.run("reach", { host, port: 80 });
      t.true(["ECONNRESET", "ECONNREFUSED", "ENETUNREACH", "EACCES", "EINVAL"].includes(code), `${host}: ${code}`);
    }
    t.is((await world.state()).accepted, accepted, "nothing was connected");
    const told = await notices("open");
    t.true(
      told.includes(
        'network: 10.0.0.5:80 is refused: the address is private; "network" would have to be a list that has "10.0.0.5:80"',
      ),
      told.join("\n"),
    );
    t.true(told.some((line) => line.includes("169.254.169.254:80 is refused: the address is link-local")));
    t.true(told.some((line) => line.includes("[2620:fe::9]:80 is refused: the address is the server's own")));
  },
);

test.serial(
  "internet: what the server's kernel delivers to itself is refused, whatever its devices tell",
  async (t) => {
    const [command = "", ...within] = world.within;
    const ip = (...args: readonly string[]) => execFileSync(command, [...within, "ip", ...args]);
    ip("route", "add", "local", "5.5.5.0/24", "dev", "lo");
    ip("-6", "route", "add", "local", "2a00:5::/64", "dev", "lo");
    const listener = `require("node:http").createServer((_, answer) => answer.end()).listen(80, () => console.log("listening"))`;
    const service = spawn(command, [...within, process.execPath, "-e", listener], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    t.teardown(() => service.kill("SIGKILL"));
    await once(service.stdout, "data");
    for (const host of ["5.5.5.7", "2a00:5::7"]) {
      t.is(await open.run("reach", { host, port: 80 }), "ECONNRESET", host);
      const told = await notices("open");
      t.true(told.some((line) => line.includes(host) && line.includes("the address is the server's own")));
    }
  },
);

test.serial("internet: what listens on the server's loopback is out of reach", async (t) => {
  const port = Number(new URL(server.url()).port);
  for (const host of ["127.0.0.1", "localhost", "0.0.0.0", "::1", "::ffff:127.0.0.1", "127.0.0.53"])
    t.is(await open.run("reach", { host, port }), "ECONNREFUSED", host);
  // The door itself, which is open on the sandbox's own loopback.
  t.is(await open.run("reach", { host: "127.0.0.1", port: 1 }), "ECONNRESET");
});

test.serial("internet: a name is as good as the addresses that it has now", async (t) => {
  world.name("rebound.example.com", ["8.8.8.8"]);
  t.is(await open.run("reach", { host: "rebound.example.com", port: 80 }), "HTTP/1.1");
  world.name("rebound.example.com", ["169.254.169.254", "10.0.0.5"]);
  t.is(await open.run("reach", { host: "rebound.example.com", port: 80 }), "ECONNRESET");
});

test.serial("internet: names of all kinds are looked up, and long answers come over TCP", async (t) => {
  const many = Array.from({ length: 60 }, (_, index) => `93.184.216.${index + 1}`);
  world.name("many.example.com", many);
  t.deepEqual(await open.run("resolve", { host: "many.example.com" }), many);
  t.deepEqual(await open.run("lookup", { host: "api.example.com" }), ["93.184.216.34", "2606:4700::1111"]);
  t.deepEqual(await open.run("resolve", { host: "api.example.com", type: "AAAA" }), ["2606:4700::1111"]);
  t.is(await open.run("lookup", { host: "nobody.example.com" }), "ENOTFOUND");
  t.deepEqual(await open.run("lookup", { host: "localhost", family: 4 }), ["127.0.0.1"]);
});

test.serial("internet: what is no TCP fails at once, and what does not answer, too", async (t) => {
  t.is(await open.run("datagram", { host: "8.8.8.8", port: 53 }), "ECONNREFUSED");
  t.is(await open.run("reach", { host: "8.8.8.8", port: 81 }), "ECONNRESET");
  const told = await notices("open");
  t.true(told.includes("network: 8.8.8.8:81 cannot be reached: ECONNREFUSED"), told.join("\n"));
});

test.serial("a list: names and addresses with their ports, and nothing else", async (t) => {
  world.name("db.example.com", ["10.0.0.5"]);
  world.name("other.example.com", ["8.8.8.8"]);
  world.name("metadata.example.com", ["169.254.169.254"]);
  const network = ["api.example.com:80", "API.example.com:443", "db.example.com:7", "192.168.7.7:80", "[fd00::5]:80"];
  const listed = await deployErrands(
    server,
    errandsIn(t, {
      name: "listed",
      network: [...network, "metadata.example.com:80", "9.9.9.9:80"],
    }),
  );
  const reach = (host: string, port: number) => listed.run("reach", { host, port });
  t.is(await reach("93.184.216.34", 80), "ECONNRESET", "before its name was looked up");
  t.like(await listed.run("fetch", { url: "http://api.example.com/" }), { localPort: 80 });
  const { authority } = world;
  t.like(await listed.run("fetch", { url: "https://api.example.com/", authority }), { localPort: 443 });
  t.is(await listed.run("talk", { host: "db.example.com", port: 7, text: "sql" }), "sqlbye 3");
  t.is(await reach("192.168.7.7", 80), "HTTP/1.1");
  t.is(await reach("fd00::5", 80), "HTTP/1.1");
  t.is(await reach("api.example.com", 7), "ECONNRESET", "another port of a name");
  t.is(await reach("db.example.com", 80), "ECONNRESET", "the port of another name");
  t.is(await reach("192.168.7.7", 7), "ECONNRESET", "another port of an address");
  t.is(await reach("8.8.8.8", 80), "ECONNRESET", "an address that is not on it");
  t.is(await reach("metadata.example.com", 80), "ECONNRESET", "no name leads to a link-local address");
  t.is(await reach("other.example.com", 80), "ENOTFOUND", "a name that is not on it");
  t.is(await reach("9.9.9.9", 80), "ECONNRESET", "the server's own, where nobody listens");
  t.is(await listed.run("resolve", { host: "api.example.com", type: "TXT" }), "ENODATA");
  t.false((await world.state()).lookups.some((lookup) => lookup.includes("other.example.com")));
  const told = await notices("listed");
  for (const line of [
    'network: 8.8.8.8:80 is refused: "network" in tsfn.json does not name it; "network" would have to be a list that has "8.8.8.8:80"',
    'network: 93.184.216.34:7 is refused: "network" in tsfn.json does not name it; "network" would have to be a list that has "api.example.com:7"',
    'network: "other.example.com" is not looked up; "network" would have to be a list that has "other.example.com:443" or the like',
  ])
    t.true(told.includes(line), told.join("\n"));
});

test.serial("a list: a name may have another address later", async (t) => {
  world.name("moving.example.com", ["8.8.8.8"], 1);
  const moving = await deployErrands(server, errandsIn(t, { name: "moving", network: ["moving.example.com:80"] }));
  t.like(await moving.run("fetch", { url: "http://moving.example.com/" }), { localAddress: "::ffff:8.8.8.8" });
  world.name("moving.example.com", ["10.0.0.5"], 1);
  t.deepEqual(await moving.run("lookup", { host: "moving.example.com" }), ["10.0.0.5"]);
  t.is(await moving.run("reach", { host: "moving.example.com", port: 80 }), "HTTP/1.1");
});

test.serial("none: no name, no route, no address but loopback", async (t) => {
  const none = await deployErrands(server, errandsIn(t, { name: "none" }));
  t.is(await none.run("reach", { host: "8.8.8.8", port: 80 }), "ENETUNREACH");
  t.is(await none.run("reach", { host: "2606:4700::1111", port: 80 }), "ENETUNREACH");
  t.is(await none.run("lookup", { host: "api.example.com" }), "EAI_AGAIN");
  t.is(await none.run("resolve", { host: "api.example.com" }), "ECONNREFUSED");
  t.deepEqual(await none.run("interfaces"), ["lo"]);
});

test.serial("more connections than may be are refused, and room comes back", async (t) => {
  const crowd = await deployErrands(server, errandsIn(t, { name: "crowd", network: "internet" }));
  const hold = (count: number) => crowd.run<number>("hold", { host: "8.8.8.8", port: 7, count });
  t.is(await hold(200), 200);
  t.is(await hold(200), 256);
  t.true((await notices("crowd")).some((line) => line.includes("the instance has 256 open, which is the limit")));
  t.is(await crowd.run<number>("letGo"), 256);
  // An idle one of a fetch before may still be there.
  const settled = async (left: number) => (await world.state()).open <= left;
  await until("they are gone", () => settled(2));
  t.is(await hold(3), 3);
  t.is(await crowd.run<number>("reset"), 3);
  await until("those are, too", () => settled(2));
});

test.serial("with an instance its connections end, however it ends", async (t) => {
  const ending = await deployErrands(server, errandsIn(t, { name: "ending", network: "internet" }));
  const hold = async () => t.is(await ending.run<number>("hold", { host: "8.8.8.8", port: 7, count: 20 }), 20);
  await hold();
  await t.throwsAsync(ending.run("exit"), { message: /FUNCTION_CRASHED/ });
  await until("they ended with the process", async () => (await world.state()).open === 0);
  await hold();
  t.is((await server.cli(["restart", "ending"])).code, 0);
  await until("they ended with the instance", async () => (await world.state()).open === 0);
});

test.serial("inspect shows what tsfn.json asks for", async (t) => {
  const { stdout } = await server.cli(["inspect", "listed"]);
  t.regex(stdout, /^ {2}network +api\.example\.com:80, api\.example\.com:443, .*\[fd00::5\]:80, .*$/m);
  t.regex((await server.cli(["inspect", "open"])).stdout, /^ {2}network +internet$/m);
});
