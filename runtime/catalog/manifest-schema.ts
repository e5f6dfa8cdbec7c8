// The schema of tsfn.json: keys, bounds, defaults, and what each value should have been. A message here is only the
// "wanted" half of a sentence; manifest-problems.ts adds the key, the value found and the place in the file.

import * as z from "zod";
import { parseDuration, parseSize } from "../config.ts";
import { besideOtherProblems, isRefused } from "./cross-check.ts";
import { namePattern, wantedName } from "./name.ts";
import { networkSchema } from "./network-schema.ts";
import { routesSchema } from "./route-schema.ts";
import { defaultNode } from "./version.ts";

const kib = 2 ** 10;
const mib = 2 ** 20;
const gib = 2 ** 30;
const second = 1_000;

/** Variables that tsfn itself sets. */
const reservedEnv = /^(TSFN_.*|K_SERVICE|K_REVISION|__proto__)$/;
const maxEnvVariables = 200;
const maxEnvBytes = 32 * kib;
const maxSecrets = 64;
export const wantedEnvName =
  "letters, digits and _, not starting with a digit, at most 128 characters, and none that tsfn sets";

const limitsSchema = z
  .strictObject(
    {
      memory: size("memory of an instance", 32 * mib, 64 * gib, "32mb", "64gb").prefault("128mb"),
      cpus: number("cpus of an instance; 0.5 is half of one", 0.05, 64).default(1),
      timeout: duration("longest invocation", 10, 900 * second, "10ms", "15m").prefault("30s"),
      disk: size("writable layer of an instance", mib, 64 * gib, "1mb", "64gb").prefault("64mb"),
      pids: whole("processes and threads of an instance; Node itself needs about 12", 16, 32_768).default(64),
      body: size("longest request body", 0, 1024 * gib, "0b", "1024gb").prefault("6mb"),
    },
    object(`{ "memory": "128mb" }`),
  )
  .prefault({});

const scalingSchema = z
  .strictObject(
    {
      min: whole("instances kept ready", 0, 10_000).default(0),
      max: whole("most instances", 1, 10_000).default(200),
      idleTimeout: duration("how long an idle instance stays", 10, 86_400 * second, "10ms", "24h").prefault("60s"),
    },
    object(`{ "min": 0, "max": 200 }`),
  )
  .superRefine(({ min, max }, context) => {
    if (isRefused(context, "min") || typeof max !== "number" || min <= max) return;
    context.addIssue({ code: "custom", path: ["min"], message: `at most scaling.max, which is ${max}` });
  }, besideOtherProblems)
  .prefault({});

const envSchema = z
  .record(
    z.string().refine(isEnvName, { error: wantedEnvName }).meta({ pattern: "^[A-Za-z_][A-Za-z0-9_]{0,127}$" }),
    z
      .string({ error: "a string in double quotes" })
      .refine((value) => !value.includes("\0"), { error: "a string without NUL" }),
    object(`{ "GREETING": "hi" }`),
  )
  .superRefine((env, context) => {
    const entries = Object.entries(env).filter(([name]) => !isRefused(context, name));
    const count = Object.keys(env).length;
    const bytes = Buffer.byteLength(entries.flat().join(""));
    if (count > maxEnvVariables) context.addIssue(`at most ${maxEnvVariables} variables, not ${count}`);
    if (bytes > maxEnvBytes) context.addIssue(`at most ${maxEnvBytes} bytes of names and values, not ${bytes}`);
  }, besideOtherProblems);

const secretsWanted = `a list of secrets' names: ["STRIPE_KEY"]`;
const secretsSchema = z
  .array(z.string({ error: wantedEnvName }).refine(isEnvName, { error: wantedEnvName }), { error: secretsWanted })
  .max(maxSecrets, { error: `at most ${maxSecrets} names` })
  .meta({ description: "secrets that become variables, and files under /run/secrets; tsfn secret put makes them" });
const wantedPath = "a path inside the directory, such as src/index.ts";
const notInEnv = "a name that env does not set";
const onlyOnce = "each name once";

export const manifestSchema = z
  .strictObject(
    {
      $schema: z.string({ error: "the address of a JSON Schema" }).optional(),
      name: z
        .string({ error: wantedName })
        .regex(namePattern, { error: wantedName })
        .meta({ description: "the function's name; the directory's name when absent" })
        .optional(),
      main: z
        .string({ error: wantedPath })
        .refine(isInnerPath, { error: wantedPath })
        .meta({ description: "the module that holds the handler" })
        .optional(),
      handler: oneOf(["auto", "fetch", "lambda", "node", "server"]).default("auto"),
      runtime: oneOf(["node26", "node24", "provided"]).default(defaultNode),
      env: envSchema.default({}),
      secrets: secretsSchema.default([]),
      limits: limitsSchema,
      concurrency: whole("invocations one instance runs at the same time", 1, 1_000).default(1),
      reuse: oneOf(["process", "never"]).default("process"),
      prefork: oneOf(["function", "runtime", "none"]).optional().meta({ default: "function" }),
      scaling: scalingSchema,
      routes: routesSchema.default([]),
      network: networkSchema.prefault("none"),
    },
    object(`{ "name": "hello" }`),
  )
  .superRefine(({ env, secrets }, context) => {
    if (!Array.isArray(secrets)) return;
    secrets.forEach((name, index) => {
      if (isRefused(context, "secrets", index)) return;
      if (typeof env === "object" && env !== null && Object.hasOwn(env, name))
        context.addIssue({ code: "custom", path: ["secrets", index], message: notInEnv });
      if (secrets.indexOf(name) < index)
        context.addIssue({ code: "custom", path: ["secrets", index], message: onlyOnce });
    });
  }, besideOtherProblems)
  .superRefine(({ runtime, main, handler, prefork }, context) => {
    if (runtime !== "provided") return;
    const refuse = (key: string, wanted: string) => {
      const message = `${wanted}, because "runtime" is "provided"`;
      context.addIssue({ code: "custom", path: [key], message });
    };
    if (main !== undefined) refuse("main", "none");
    if (handler !== "auto") refuse("handler", `"auto"`);
    if (prefork !== undefined && prefork !== "none") refuse("prefork", `"none"`);
  }, besideOtherProblems)
  .superRefine(({ reuse, concurrency }, context) => {
    if (reuse !== "never" || concurrency === 1) return;
    context.addIssue({ code: "custom", path: ["concurrency"], message: `1, because "reuse" is "never"` });
  }, besideOtherProblems);

/** The JSON Schema of tsfn.json, for editors. */
export function manifestJsonSchema(): Readonly<Record<string, unknown>> {
  return { title: "tsfn.json", ...z.toJSONSchema(manifestSchema, { io: "input" }) };
}

/** undefined when `name` may be a variable of a function, else what is wanted. */
export function envNameProblem(name: string): string | undefined {
  return isEnvName(name) ? undefined : wantedEnvName;
}

function isEnvName(name: string): boolean {
  return /^[A-Za-z_][A-Za-z0-9_]{0,127}$/.test(name) && !reservedEnv.test(name);
}

function isInnerPath(path: string): boolean {
  const segments = path.replace(/^\.\//, "").split("/");
  return path.length <= 1_024 && !/[\0\\]/.test(path) && segments.every((part) => !["", ".", ".."].includes(part));
}

function object(example: string) {
  // Unknown keys are told one by one, so only the wrong kind of value has a message of its own.
  return { error: (issue: { code?: string }) => (issue.code === "invalid_type" ? `an object: ${example}` : undefined) };
}

function size(description: string, min: number, max: number, least: string, most: string) {
  return quantity(description, parseSize, min, max, `a size from ${least} to ${most}, such as "64mb"`);
}

function duration(description: string, min: number, max: number, least: string, most: string) {
  return quantity(description, parseDuration, min, max, `a duration from ${least} to ${most}, such as "30s"`);
}

function quantity(description: string, parse: (text: string) => number, min: number, max: number, wanted: string) {
  return z
    .string({ error: wanted })
    .meta({ description: `${description}: ${wanted}` })
    .transform((text, context) => {
      const value = parseOrNaN(parse, text);
      if (value >= min && value <= max) return value;
      context.addIssue(wanted);
      return z.NEVER;
    });
}

function parseOrNaN(parse: (text: string) => number, text: string): number {
  try {
    return parse(text);
  } catch {
    // The parser's own sentence lacks the bounds; NaN is outside all of them, so the caller tells both.
    return Number.NaN;
  }
}

function number(description: string, min: number, max: number) {
  const error = `a number from ${min} to ${max}`;
  return z.number({ error }).min(min, { error }).max(max, { error }).meta({ description });
}

function whole(description: string, min: number, max: number) {
  const error = `a whole number from ${min} to ${max}`;
  return z.int({ error }).min(min, { error }).max(max, { error }).meta({ description });
}

function oneOf<const Values extends readonly [string, ...string[]]>(values: Values) {
  return z.enum(values, { error: values.map((value) => `"${value}"`).join(" or ") });
}
