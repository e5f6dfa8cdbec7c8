// `tsfn init`: what it makes is type-checked by the real compiler, deployed and called, and what it cannot make it refuses.

import { execFile } from "node:child_process";
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import test from "ava";
import { root } from "../architecture/tree.ts";
import { runCommand } from "../support/command.ts";
import { type Owner, temporaryDirectory } from "../support/function-directory.ts";
import { startServer } from "../support/server.ts";

const run = promisify(execFile);

/** As after `npm install`: this project's packages, and the project itself as `tsfn`. */
function installPackages(t: Owner, dir: string): void {
  const packages = join(temporaryDirectory(t), "node_modules");
  mkdirSync(packages);
  for (const name of readdirSync(join(root, "node_modules")))
    symlinkSync(join(root, "node_modules", name), join(packages, name));
  symlinkSync(root, join(packages, "tsfn"));
  symlinkSync(packages, join(dir, "node_modules"));
}

/** What the compiler complains about. */
async function typeErrors(dir: string): Promise<string> {
  const compilerOptions = { module: "nodenext", target: "es2024", strict: true, noEmit: true, skipLibCheck: true };
  const tsconfig = {
    compilerOptions: { ...compilerOptions, allowImportingTsExtensions: true, types: ["node"] },
    include: ["*.ts"],
  };
  writeFileSync(join(dir, "tsconfig.json"), JSON.stringify(tsconfig));
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  return await run(process.execPath, [tsc, "-p", dir]).then(
    () => "",
    ({ stdout }: { stdout: string }) => stdout,
  );
}

test.serial("every template type-checks, is deployed and answers", async (t) => {
  const server = await startServer(t);
  const base = temporaryDirectory(t);
  for (const template of ["fetch", "lambda", "hono", "express", "sse", "provided"]) {
    const made = await runCommand(["init", `my-${template}`, "-y", "--template", template], { cwd: base });
    t.is(made.code, 0, made.stderr);
    t.is(made.stdout, `my-${template}\n`);
    const dir = join(base, `my-${template}`);
    // It has no TypeScript, and takes nothing from npm.
    if (template !== "provided") {
      installPackages(t, dir);
      t.is(await typeErrors(dir), "", template);
    }
    await server.deploy(dir);
    const response = await server.fetch(`/function/my-${template}?name=you`);
    t.is(response.status, 200, template);
    if (template !== "sse") {
      t.like(await response.json(), { hello: "you" }, template);
      continue;
    }
    const reader = response.body?.getReader();
    const { value } = (await reader?.read()) ?? {};
    t.regex(new TextDecoder().decode(value), /^data: \{"count":1,/);
    await reader?.cancel();
  }
});

test("a handler of the wrong type is a type error", async (t) => {
  const dir = temporaryDirectory(t);
  installPackages(t, dir);
  writeFileSync(join(dir, "package.json"), `{ "type": "module" }`);
  const source = (answer: string) => `import type { ExportedHandler } from "tsfn";
    export default { fetch(request, env, ctx) { ctx.waitUntil(Promise.resolve(env.A)); return ${answer}; } } satisfies ExportedHandler;`;
  writeFileSync(join(dir, "index.ts"), source("new Response(request.url)"));
  t.is(await typeErrors(dir), "");
  writeFileSync(join(dir, "index.ts"), source("{ status: 200 }"));
  t.regex(await typeErrors(dir), /error TS\d+/);
  writeFileSync(join(dir, "index.ts"), source("new Response(ctx.remaining)"));
  t.regex(await typeErrors(dir), /remaining/);
});

test("what is there is not overwritten, and what cannot be is refused with what is wanted", async (t) => {
  const base = temporaryDirectory(t);
  const init = (...args: string[]) => runCommand(["init", ...args], { cwd: base });
  t.is((await init("hello", "-y")).code, 0);
  const again = await init("hello", "-y");
  t.is(again.code, 2);
  t.regex(again.stderr, /holds index\.ts; wanted a new or an empty directory/);
  const odd = await init("My_Function", "-y");
  t.is(odd.code, 2);
  t.regex(odd.stderr, /"My_Function".*\n.*tsfn init hello/);
  const unknown = await init("other", "-t", "rails");
  t.is(unknown.code, 2);
  t.regex(unknown.stderr, /"rails"; wanted one of fetch, lambda, hono, express, sse, provided/);
  const { stdout } = await init("third", "--json");
  t.like(JSON.parse(stdout), { name: "third", template: "fetch", files: ["index.ts", "tsfn.json"] });
  t.deepEqual(readdirSync(base).sort(), ["hello", "third"]);
});
