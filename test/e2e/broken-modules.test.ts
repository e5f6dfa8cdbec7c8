// Modules that bundle but cannot be functions: a real server refuses each at deploy, and what a person is told is kept word
// for word in snapshots/. What is refused before the upload is in test/catalog/broken.test.ts.

import test, { type ExecutionContext } from "ava";
import { functionDirectory } from "../support/function-directory.ts";
import { type Server, startServer } from "../support/server.ts";

const modules: Readonly<Record<string, string>> = {
  "a default export that is a bare function": `export default function handler(request: Request) {
  return new Response("hi");
}
`,
  "a default export that is a bare arrow": `export default () => new Response("hi");\n`,
  "nothing is exported": `console.log("hello");\n`,
  "a method in lower case": `export const get = () => new Response("hi");\n`,
  "a default object without fetch": `export default { handle: () => new Response("hi") };\n`,
  "two shapes at once": `export const GET = () => new Response("hi");
export const handler = async () => ({ statusCode: 200 });
`,
  "a Lambda handler with a callback": `export const handler = (_event: unknown, _context: unknown, callback: (error: null) => void) => {
  callback(null);
};
`,
  "an error while loading": `const settings = JSON.parse("{ broken");
export const GET = () => Response.json(settings);
`,
  "something thrown that is no error": `throw "no luck";\n`,
  "the process ends while loading": `process.exit(3);\n`,
  "an asset that is not there": `import { readFileSync } from "node:fs";
const page = readFileSync(new URL("page.html", import.meta.url));
export const GET = () => new Response(page);
`,
  "a variable that is not set": `if (!process.env.DATABASE_URL) throw new Error("DATABASE_URL is not set");
export const GET = () => new Response("hi");
`,
  "a rejection that nobody handles": `const greeting: string = "hi";
Promise.reject(new Error("no database"));
export const GET = () => new Response(greeting);
`,
  "a rejection that nobody handles, with a value that is no error": `Promise.reject("no luck");
export const GET = () => new Response("hi");
`,
  "an async function that fails and is not awaited": `async function connect(): Promise<void> {
  await null;
  throw new TypeError("no host");
}
void connect();
export const GET = () => new Response("hi");
`,
  "a callback that throws right after loading": `setImmediate(() => {
  throw new Error("too early");
});
export const GET = () => new Response("hi");
`,
  "a timer that is due at once and throws": `setTimeout(() => {
  throw new Error("too early");
}, 0);
export const GET = () => new Response("hi");
`,
  "an error event that nobody listens to": `import { EventEmitter } from "node:events";
new EventEmitter().emit("error", new Error("no cable"));
export const GET = () => new Response("hi");
`,
  "the process ends in a function that is called while loading": `function leave(): never {
  console.error("no settings");
  process.exit(0);
}
if (process.env.SETTINGS === undefined) leave();
export const GET = () => new Response("hi");
`,
  "the process ends in a callback before loading is done": `setTimeout(() => process.exit(4), 20);
await new Promise((resolve) => setTimeout(resolve, 60_000));
export const GET = () => new Response("hi");
`,
  "a top-level await that nothing can settle": `const settings = { host: "localhost" };
if (settings.host !== "") {
  await new Promise<void>(() => {});
}
export const GET = () => new Response("hi");
`,
  "a heap that fills": `const all: number[][] = [];
for (;;) all.push(new Array(1_000).fill(Math.random()));
`,
};

/** These take all of the time that loading may take. */
const lateModules: typeof modules = {
  "a top-level await that something keeps open": `import { createServer } from "node:net";
setInterval(() => {}, 1_000);
createServer().listen(0);
await new Promise<void>(() => {});
`,
  "a loop without an end": `for (;;);\n`,
};

const modes = ["function", "runtime", "none"] as const;

interface Refusal {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The same module in each mode, told without what differs: where it lies and its version. */
async function deployBroken(t: ExecutionContext, server: Server, text: string): Promise<Refusal[]> {
  const deployed = modes.map(async (mode) => {
    const name = `broken-${mode}`;
    const manifest = JSON.stringify({ name, prefork: mode, limits: { memory: "96mb" } });
    const directory = functionDirectory(t, { "tsfn.json": manifest, "index.ts": text });
    const { code, stdout, stderr } = await server.cli(["deploy", directory]);
    const neutral = stderr.replaceAll(directory, "broken").replaceAll(new RegExp(`${name}@\\d+`, "g"), "broken@N");
    return { code, stdout, stderr: neutral };
  });
  return await Promise.all(deployed);
}

for (const [duration, broken] of Object.entries({ "at once": modules, "in time": lateModules })) {
  test.serial(`each is refused ${duration} with what is wrong, where, and what is wanted, in every mode`, async (t) => {
    const server = await startServer(t);
    for (const mode of modes) {
      const live = { "tsfn.json": JSON.stringify({ name: `broken-${mode}`, prefork: mode }) };
      const well = `export const GET = () => new Response("well");\n`;
      await server.deploy(functionDirectory(t, { ...live, "index.ts": well }));
    }
    for (const [title, text] of Object.entries(broken)) {
      const [first, ...others] = await deployBroken(t, server, text);
      t.not(first?.code, 0, title);
      t.is(first?.stdout, "", title);
      for (const other of others) t.deepEqual(other, first, title);
      t.snapshot(first?.stderr, title);
    }
    for (const mode of modes) {
      t.is(await (await server.fetch(`/function/broken-${mode}`)).text(), "well", "the old version is still live");
    }
  });
}

test.serial(
  "a version whose processes end by themselves once they are loaded is refused, and does not hang",
  async (t) => {
    const server = await startServer(t);
    const directory = functionDirectory(t, {
      "tsfn.json": `{ "name": "broken", "prefork": "none", "scaling": { "min": 8 } }`,
      "index.ts": `setTimeout(() => process.exit(5), 50);\nexport const GET = () => new Response("hi");\n`,
    });
    const { code, stderr } = await server.cli(["deploy", directory]);
    t.is(code, 1);
    t.snapshot(stderr.replaceAll(/broken@\d+/g, "broken@N"), "a process that ends by itself");
    t.is((await server.fetch("/function/broken")).status, 404);
  },
);

test.serial("secrets that are not there are refused by name", async (t) => {
  const server = await startServer(t);
  const secrets = functionDirectory(t, {
    "tsfn.json": `{ "name": "broken", "secrets": ["STRIPE_KEY", "OTHER_KEY"] }`,
    "index.ts": `export const GET = () => new Response("hi");\n`,
  });
  const { code, stderr } = await server.cli(["deploy", secrets]);
  t.is(code, 3);
  t.snapshot(stderr, "secrets that are not there");
});
