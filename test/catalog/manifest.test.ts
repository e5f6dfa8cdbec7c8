// What a person is told about tsfn.json: every mistake at once, with its place. The table holds the exact sentences.

import { readFileSync } from "node:fs";
import test from "ava";
import { checkName, manifestJsonSchema, parseManifest } from "../../runtime/catalog/index.ts";
import { knownKeys } from "../../runtime/catalog/manifest-problems.ts";
import { TsfnError } from "../../runtime/errors.ts";

const wantedName = "a name of a-z, 0-9 and -, 1 to 63 characters, with no - at either end";
const wantedMemory = 'a size from 32mb to 64gb, such as "64mb"';
const wantedTimeout = 'a duration from 10ms to 15m, such as "30s"';
const wantedNetwork = `"none", "internet", or a list of destinations: ["api.example.com:443"]`;
const wantedDestination = `a host and a port, such as "api.example.com:443", "192.0.2.1:443" or "[2001:db8::1]:443"`;
const wantedPort = `a port from 1 to 65535 after the host, such as "api.example.com:443"`;
const wantedElsewhere = "another host: this one is in the sandbox itself, or none that can be connected to";
const wantedVariable =
  "letters, digits and _, not starting with a digit, at most 128 characters, and none that tsfn sets";

const mistakes: readonly (readonly [text: string, ...told: readonly string[]])[] = [
  ["", '1:1 tsfn.json is empty; wanted an object: { "name": "hello" }'],
  ["// nothing but a comment", '1:1 tsfn.json is empty; wanted an object: { "name": "hello" }'],
  ["[]", '1:1 tsfn.json is an array; wanted an object: { "name": "hello" }'],
  ["null", '1:1 tsfn.json is null; wanted an object: { "name": "hello" }'],
  ["42", '1:1 tsfn.json is 42; wanted an object: { "name": "hello" }'],
  ['{ "name": "a" ', "1:15 the end of the file stands where a } is wanted"],
  ['{ "name" "a" }', '1:10 "a" stands where a : is wanted'],
  ['{ "name": }', '1:11 "}" stands where a value is wanted'],
  ['{ "name": "a" } {}', '1:17 "{" follows the end of the object; wanted nothing after it'],
  ['{ "name": "a\\q" }', '1:11 "a\\q" holds a bad escape; wanted \\\\ for a backslash'],
  ['{\n  "name": "a\n}', '2:11 "\\"a" is a string without its closing quote; wanted one before the line ends'],
  ['{ "name": "a" /* }', '1:15 "/* }" is a comment without its end; wanted */'],
  [`{ "env": ${"[".repeat(40)} }`, "1:25 values nest deeper than 16 levels; wanted at most 2"],
  ['{ "name": "Hello" }', `1:11 name is "Hello"; wanted ${wantedName}`],
  ['{ "name": ".." }', `1:11 name is ".."; wanted ${wantedName}`],
  ['{ "name": "__proto__" }', `1:11 name is "__proto__"; wanted ${wantedName}`],
  ['{ "name": "-a" }', `1:11 name is "-a"; wanted ${wantedName}`],
  ['{ "name": "" }', `1:11 name is ""; wanted ${wantedName}`],
  ['{ "name": 7 }', `1:11 name is 7; wanted ${wantedName}`],
  [`{ "name": "${"a".repeat(300)}" }`, `1:11 name is "${"a".repeat(40)}…"; wanted ${wantedName}`],
  ['{ "name": "a\\u001b[31m" }', `1:11 name is "a\\u001b[31m"; wanted ${wantedName}`],
  ['{ "name": "a", "name": "b" }', '1:16 "name" is written twice; wanted once'],
  ['{ "env": { "A": "1", "A": "2" } }', '1:22 "env.A" is written twice; wanted once'],
  ['{ "main": "../x.ts" }', '1:11 main is "../x.ts"; wanted a path inside the directory, such as src/index.ts'],
  ['{ "main": "/x.ts" }', '1:11 main is "/x.ts"; wanted a path inside the directory, such as src/index.ts'],
  ['{ "main": 1 }', "1:11 main is 1; wanted a path inside the directory, such as src/index.ts"],
  [
    '{ "handler": "fecth" }',
    '1:14 handler is "fecth"; wanted "auto" or "fetch" or "lambda" or "node" or "server"; did you mean "fetch"?',
  ],
  ['{ "handler": true }', '1:14 handler is true; wanted "auto" or "fetch" or "lambda" or "node" or "server"'],
  [
    '{ "runtime": "node22" }',
    '1:14 runtime is "node22"; wanted "node26" or "node24" or "provided"; did you mean "node26"?',
  ],
  ['{ "runtime": "deno" }', '1:14 runtime is "deno"; wanted "node26" or "node24" or "provided"'],
  ['{ "runtime": "provided", "main": "a.ts" }', '1:34 main is "a.ts"; wanted none, because "runtime" is "provided"'],
  [
    '{ "runtime": "provided", "handler": "node" }',
    '1:37 handler is "node"; wanted "auto", because "runtime" is "provided"',
  ],
  [
    '{ "runtime": "provided", "prefork": "function" }',
    '1:37 prefork is "function"; wanted "none", because "runtime" is "provided"',
  ],
  ['{ "secrets": ["1A"] }', `1:15 secrets.0 is "1A"; wanted ${wantedVariable}`],
  ['{ "secrets": ["TSFN_TOKEN"] }', `1:15 secrets.0 is "TSFN_TOKEN"; wanted ${wantedVariable}`],
  ['{ "secrets": ["A"], "env": { "A": "" } }', `1:15 secrets.0 is "A"; wanted a name that env does not set`],
  ['{ "secrets": ["A", "A"] }', `1:20 secrets.1 is "A"; wanted each name once`],
  ['{ "secrets": "A" }', `1:14 secrets is "A"; wanted a list of secrets' names: ["STRIPE_KEY"]`],
  ['{ "network": "lan" }', `1:14 network is "lan"; wanted ${wantedNetwork}`],
  ['{ "network": 443 }', `1:14 network is 443; wanted ${wantedNetwork}`],
  ['{ "network": { "host": "a" } }', `1:14 network is an object; wanted ${wantedNetwork}`],
  ['{ "network": [] }', '1:14 network is an array; wanted at least one destination; "none" is for none'],
  ['{ "network": [443] }', `1:15 network.0 is 443; wanted ${wantedDestination}`],
  ['{ "network": ["https://a/"] }', `1:15 network.0 is "https://a/"; wanted ${wantedDestination}`],
  ['{ "network": ["a b:1"] }', `1:15 network.0 is "a b:1"; wanted ${wantedDestination}`],
  ['{ "network": ["1.2.3:1"] }', `1:15 network.0 is "1.2.3:1"; wanted ${wantedDestination}`],
  ['{ "network": ["2001:db8::1:443"] }', `1:15 network.0 is "2001:db8::1:443"; wanted ${wantedDestination}`],
  ['{ "network": ["[1.2.3.4]:443"] }', `1:15 network.0 is "[1.2.3.4]:443"; wanted ${wantedDestination}`],
  ['{ "network": ["[fe80::1%eth0]:443"] }', `1:15 network.0 is "[fe80::1%eth0]:443"; wanted ${wantedDestination}`],
  ['{ "network": ["a.example"] }', `1:15 network.0 is "a.example"; wanted ${wantedPort}`],
  ['{ "network": ["a.example:*"] }', `1:15 network.0 is "a.example:*"; wanted ${wantedPort}`],
  ['{ "network": ["[2001:db8::1]"] }', `1:15 network.0 is "[2001:db8::1]"; wanted ${wantedPort}`],
  ['{ "network": ["a.example:0"] }', `1:15 network.0 is "a.example:0"; wanted ${wantedPort}`],
  ['{ "network": ["a.example:65536"] }', `1:15 network.0 is "a.example:65536"; wanted ${wantedPort}`],
  ['{ "network": ["127.0.0.1:80"] }', `1:15 network.0 is "127.0.0.1:80"; wanted ${wantedElsewhere}`],
  ['{ "network": ["localhost:80"] }', `1:15 network.0 is "localhost:80"; wanted ${wantedElsewhere}`],
  ['{ "network": ["[::]:80"] }', `1:15 network.0 is "[::]:80"; wanted ${wantedElsewhere}`],
  ['{ "network": ["224.0.0.1:80"] }', `1:15 network.0 is "224.0.0.1:80"; wanted ${wantedElsewhere}`],
  [
    '{ "network": ["[::ffff:10.0.0.1]:80"] }',
    '1:15 network.0 is "[::ffff:10.0.0.1]:80"; wanted an IPv4 address in its own form, without ::ffff:',
  ],
  ['{ "network": ["a:1", "b:1", "A:01"] }', '1:29 network.2 is "A:01"; wanted each destination once'],
  [
    `{ "network": [${Array.from({ length: 101 }, (_, index) => `"a:${index + 1}"`)}] }`,
    "1:14 network is an array; wanted at most 100 destinations",
  ],
  ['{ "reuse": "nevr" }', '1:12 reuse is "nevr"; wanted "process" or "never"; did you mean "never"?'],
  ['{ "prefork": "nome" }', '1:14 prefork is "nome"; wanted "function" or "runtime" or "none"; did you mean "none"?'],
  ['{ "concurrency": 0 }', "1:18 concurrency is 0; wanted a whole number from 1 to 1000"],
  ['{ "concurrency": 1.5 }', "1:18 concurrency is 1.5; wanted a whole number from 1 to 1000"],
  ['{ "concurrency": "2" }', '1:18 concurrency is "2"; wanted a whole number from 1 to 1000'],
  ['{ "concurrency": 1001 }', "1:18 concurrency is 1001; wanted a whole number from 1 to 1000"],
  ['{ "env": ["A"] }', '1:10 env is an array; wanted an object: { "GREETING": "hi" }'],
  ['{ "env": { "PORT": 8080 } }', "1:20 env.PORT is 8080; wanted a string in double quotes"],
  ['{ "env": { "A": "a\\u0000b" } }', '1:17 env.A is "a\\u0000b"; wanted a string without NUL'],
  ['{ "env": { "1A": "x" } }', `1:12 "1A" cannot name a variable; wanted ${wantedVariable}`],
  ['{ "env": { "A-B": "x" } }', `1:12 "A-B" cannot name a variable; wanted ${wantedVariable}`],
  ['{ "env": { "TSFN_X": "x" } }', `1:12 "TSFN_X" cannot name a variable; wanted ${wantedVariable}`],
  ['{ "env": { "__proto__": "x" } }', `1:12 "__proto__" cannot name a variable; wanted ${wantedVariable}`],
  [
    `{ "env": { "A": "${"x".repeat(40_000)}" } }`,
    "1:10 env is an object; wanted at most 32768 bytes of names and values, not 40001",
  ],
  ['{ "limits": null }', '1:13 limits is null; wanted an object: { "memory": "128mb" }'],
  ['{ "limits": { "memory": "lots" } }', `1:25 limits.memory is "lots"; wanted ${wantedMemory}`],
  ['{ "limits": { "memory": 128 } }', `1:25 limits.memory is 128; wanted ${wantedMemory}`],
  ['{ "limits": { "memory": "31mb" } }', `1:25 limits.memory is "31mb"; wanted ${wantedMemory}`],
  ['{ "limits": { "memory": "65gb" } }', `1:25 limits.memory is "65gb"; wanted ${wantedMemory}`],
  ['{ "limits": { "cpus": 0.01 } }', "1:23 limits.cpus is 0.01; wanted a number from 0.05 to 64"],
  ['{ "limits": { "timeout": "16m" } }', `1:26 limits.timeout is "16m"; wanted ${wantedTimeout}`],
  ['{ "limits": { "timeout": "1ms" } }', `1:26 limits.timeout is "1ms"; wanted ${wantedTimeout}`],
  ['{ "limits": { "timeout": 30 } }', `1:26 limits.timeout is 30; wanted ${wantedTimeout}`],
  ['{ "limits": { "pids": 3 } }', "1:23 limits.pids is 3; wanted a whole number from 16 to 32768"],
  ['{ "limits": { "disk": "1kb" } }', '1:23 limits.disk is "1kb"; wanted a size from 1mb to 64gb, such as "64mb"'],
  ['{ "limits": { "body": "-1b" } }', '1:23 limits.body is "-1b"; wanted a size from 0b to 1024gb, such as "64mb"'],
  ['{ "limits": { "memroy": "1gb" } }', '1:15 "memroy" is not a key of limits; did you mean "memory"?'],
  ['{ "memory": "1gb" }', '1:3 "memory" is not a key of tsfn.json; did you mean "limits.memory"?'],
  ['{ "concurency": 1 }', '1:3 "concurency" is not a key of tsfn.json; did you mean "concurrency"?'],
  ['{ "quux": 1 }', '1:3 "quux" is not a key of tsfn.json'],
  ['{ "__proto__": {} }', '1:3 "__proto__" is not a key of tsfn.json'],
  ['{ "scaling": { "min": 5, "max": 2 } }', "1:23 scaling.min is 5; wanted at most scaling.max, which is 2"],
  ['{ "reuse": "never", "concurrency": 2 }', '1:36 concurrency is 2; wanted 1, because "reuse" is "never"'],
  ['{ "scaling": { "min": 201 } }', "1:23 scaling.min is 201; wanted at most scaling.max, which is 200"],
  [
    '{ "scaling": { "idleTimeout": "0s" } }',
    '1:31 scaling.idleTimeout is "0s"; wanted a duration from 10ms to 24h, such as "30s"',
  ],
  [
    '{\n  // several at once\n  "name": "A",\r\n  "limits": { "memory": 1, "cpu": 2 },\n  "env": { "é": "x" },\n}',
    `3:11 name is "A"; wanted ${wantedName}`,
    `4:25 limits.memory is 1; wanted ${wantedMemory}`,
    '4:28 "cpu" is not a key of limits; did you mean "cpus"?',
    `5:12 "é" cannot name a variable; wanted ${wantedVariable}`,
  ],
];

for (const [text, ...told] of mistakes) {
  test(`${JSON.stringify(text.slice(0, 50))} is refused with its place and what is wanted`, (t) => {
    const error = refusal(() => parseManifest(text, "tsfn.json", { name: "default" }));
    t.is(error.code, "MANIFEST_INVALID");
    t.deepEqual(
      error.fields.problems?.map(({ line, column, message }) => `${line}:${column} ${message}`),
      told,
    );
    t.true(error.fields.problems?.every(({ file }) => file === "tsfn.json"));
  });
}

test("an empty object means the defaults, in units", (t) => {
  t.deepEqual(parseManifest("{}", "tsfn.json", { name: "hello" }), {
    name: "hello",
    secrets: [],
    runtime: "node26",
    handler: "auto",
    env: {},
    limits: {
      memoryBytes: 128 * 2 ** 20,
      cpus: 1,
      timeoutMs: 30_000,
      diskBytes: 64 * 2 ** 20,
      pids: 64,
      bodyBytes: 6 * 2 ** 20,
    },
    concurrency: 1,
    reuse: "process",
    prefork: "function",
    scaling: { min: 0, max: 200, idleTimeoutMs: 60_000 },
    routes: [],
    network: "none",
  });
});

test("a whole manifest with comments, trailing commas and a byte order mark is read", (t) => {
  const text = `\uFEFF{
    "$schema": "../tsfn.schema.json", // for editors
    "name": "a-1", "main": "./src/a.ts", "handler": "fetch", "runtime": "node26",
    "env": { "GREETING": "hi", "constructor": "fine" },
    "limits": { "memory": "1gb", "cpus": 0.5, "timeout": "1.5s", "disk": "1mb", "pids": 16, "body": "0b" },
    "concurrency": 1, "reuse": "never", "prefork": "none",
    "scaling": { "min": 1, "max": 1, "idleTimeout": "1h" }, "network": "none", /* all */
  }`;
  const manifest = parseManifest(text, "tsfn.json", {});
  t.is(manifest.limits.memoryBytes, 2 ** 30);
  t.is(manifest.limits.timeoutMs, 1_500);
  t.is(manifest.limits.bodyBytes, 0);
  t.deepEqual(manifest.env, { GREETING: "hi", constructor: "fine" });
  t.deepEqual(manifest.scaling, { min: 1, max: 1, idleTimeoutMs: 3_600_000 });
});

test("a default name that cannot be one is refused with the way out", (t) => {
  const error = refusal(() => parseManifest("{}", "tsfn.json", { name: "My Function" }));
  t.is(error.code, "NAME_INVALID");
  t.is(error.message, `the function name is "My Function"; wanted ${wantedName}`);
  t.is(error.hint, 'Set "name" in tsfn.json, or pass --name');
});

test("a package's manifest must have a name", (t) => {
  const error = refusal(() => parseManifest("{}", "tsfn.json", {}));
  t.is(error.fields.problems?.[0]?.message, 'name is missing; wanted "name": "hello" or the like');
});

for (const name of [
  "..",
  ".",
  "",
  "__proto__",
  "constructor!",
  "a/b",
  "a\0",
  "A",
  "é",
  "a".repeat(64),
  "a".repeat(300),
  "a-",
]) {
  test(`${JSON.stringify(name.slice(0, 20))} (${name.length} characters) is no function name`, (t) => {
    const error = refusal(() => checkName(name));
    t.is(error.code, "NAME_INVALID");
    t.true(error.message.length < 200);
  });
}

test("names of 1 and of 63 characters are names", (t) => {
  for (const name of ["a", "0", "a-b", "a".repeat(63)]) t.is(checkName(name), name);
});

test("the keys offered as help are the keys of the schema, and the JSON Schema has them too", (t) => {
  const schema = manifestJsonSchema() as { properties: Record<string, { properties?: object }> };
  t.deepEqual(Object.keys(schema.properties), [...(knownKeys.get("") ?? [])]);
  for (const group of ["limits", "scaling"]) {
    t.deepEqual(Object.keys(schema.properties[group]?.properties ?? {}), [...(knownKeys.get(group) ?? [])]);
  }
});

function refusal(work: () => unknown): TsfnError {
  try {
    work();
  } catch (error) {
    if (error instanceof TsfnError) return error;
    throw error;
  }
  throw new Error("it was accepted; wanted a TsfnError");
}

test("the published schema is the one of this code", (t) => {
  const file = new URL("../../docs/tsfn.schema.json", import.meta.url);
  const wanted = manifestJsonSchema();
  t.deepEqual(JSON.parse(readFileSync(file, "utf8")), wanted, `write this into the file:\n${JSON.stringify(wanted)}`);
});

test("destinations have one form: lower case, canonical addresses, numbers as ports", (t) => {
  const network = ["API.example.com:0443", "10.0.0.5:5432", "[2001:DB8:0::1]:443", "_a-b.c:1"];
  const manifest = parseManifest(JSON.stringify({ network }), "tsfn.json", { name: "hello" });
  t.deepEqual(manifest.network, [
    { host: "api.example.com", port: 443 },
    { host: "10.0.0.5", port: 5432 },
    { host: "2001:db8::1", port: 443 },
    { host: "_a-b.c", port: 1 },
  ]);
  t.is(parseManifest(`{ "network": "internet" }`, "tsfn.json", { name: "hello" }).network, "internet");
});
