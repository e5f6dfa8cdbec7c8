// Modules that bundle but cannot be functions: a real server refuses each at deploy, and what a person is told is kept word
// for word in snapshots/. What is refused before the upload is in test/catalog/broken.test.ts.

import test from "ava";
import { functionDirectory } from "../support/function-directory.ts";
import { startServer } from "../support/server.ts";

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
};

test.serial("each is refused at deploy with what is wrong, where, and what is wanted", async (t) => {
  const server = await startServer(t);
  for (const [title, text] of Object.entries(modules)) {
    const directory = functionDirectory(t, { "tsfn.json": `{ "name": "broken" }`, "index.ts": text });
    const { code, stdout, stderr } = await server.cli(["deploy", directory]);
    t.not(code, 0, title);
    t.is(stdout, "", title);
    t.regex(stderr, title === "the process ends while loading" ? /broken@\d/ : /\/index\.ts/, title);
    t.snapshot(stderr.replaceAll(directory, "broken").replaceAll(/broken@\d+/g, "broken@N"), title);
  }
  const secrets = functionDirectory(t, {
    "tsfn.json": `{ "name": "broken", "secrets": ["STRIPE_KEY", "OTHER_KEY"] }`,
    "index.ts": `export const GET = () => new Response("hi");\n`,
  });
  const { code, stderr } = await server.cli(["deploy", secrets]);
  t.is(code, 3);
  t.snapshot(stderr, "secrets that are not there");
  t.is((await server.fetch("/function/broken")).status, 404);
});
