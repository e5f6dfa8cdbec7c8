// The shapes of the admin API's answers: the source of its OpenAPI document. The compiler holds each of them to the type
// that the runtime answers with (bottom of the file), so that the document cannot fall behind.

import { z } from "@hono/zod-openapi";
import { catalogue, type ErrorCode, type ProblemDocument } from "../runtime/errors.ts";
import type {
  DeployResult,
  FunctionDescription,
  FunctionSummary,
  InstanceDescription,
  LogRecord,
  RollbackResult,
} from "../runtime/index.ts";

const count = z.int().min(0);
const digest = z.string().openapi({ description: "sha256 of a layer's content" });
const routes = z.array(z.string()).readonly().openapi({ description: "URLs of its custom routes, with their `*`" });
const isoTime = z.string().openapi({ format: "date-time" });

export const info = z
  .object({
    version: z.string(),
    pid: count,
    wardenPid: count,
    url: z.string().openapi({ description: "Of the public listener" }),
    adminUrl: z.string().nullable().openapi({ description: "Of this API over TCP; null when it is off" }),
    dataDir: z.string(),
    uptimeS: z.number(),
  })
  .openapi("Info");

const limits = z.object({
  memoryBytes: count,
  cpus: z.number(),
  timeoutMs: count,
  diskBytes: count,
  pids: count,
  bodyBytes: count,
});

const manifest = z
  .object({
    name: z.string(),
    runtime: z.enum(["node26", "node24", "provided"]),
    handler: z.enum(["auto", "fetch", "lambda", "node", "server"]),
    env: z.record(z.string(), z.string()),
    secrets: z.array(z.string()).readonly(),
    limits,
    concurrency: count,
    reuse: z.enum(["process", "never"]),
    prefork: z.enum(["function", "runtime", "none"]),
    scaling: z.object({ min: count, max: count, idleTimeoutMs: count }),
    routes: z.array(z.object({ host: z.string().nullable(), path: z.string() })).readonly(),
    network: z.union([z.enum(["none", "internet"]), z.array(z.object({ host: z.string(), port: count })).readonly()]),
  })
  .openapi("Manifest");

export const version = z
  .object({ function: z.string(), number: count, manifest, layer: digest, sizeBytes: count, createdAt: isoTime })
  .openapi("Version");

const inode = z.number();
const sandbox = z
  .object({
    id: z.string(),
    pid: count.nullable(),
    namespaces: z.object({
      user: inode,
      mnt: inode,
      pid: inode.nullable(),
      ipc: inode,
      uts: inode,
      net: inode,
      cgroup: inode,
      time: inode.nullable(),
    }),
    cgroups: z.array(z.string()).readonly(),
    uidBase: count,
    limits: z.object({
      memoryBytes: count,
      cpus: z.number(),
      pids: count,
      diskBytes: count,
      diskInodes: count,
      openFiles: count,
    }),
    layers: z.array(digest).readonly(),
  })
  .openapi("Sandbox");

export const instance = z
  .object({
    function: z.string(),
    version: count,
    id: z.string(),
    state: z.enum(["starting", "idle", "busy", "retiring"]),
    inFlight: count,
    served: count,
    ageMs: z.number(),
    idleMs: z.number().nullable(),
    sandbox: sandbox.nullable(),
    usage: z
      .object({ cpuUs: count, memoryBytes: count, memoryPeakBytes: count, pids: count, oomKills: count })
      .nullable(),
  })
  .openapi("Instance");

const summary = z.object({
  function: z.string(),
  version: count,
  url: z.string(),
  routes,
  createdAt: isoTime,
  sizeBytes: count,
  waiting: count,
  starting: count,
  idle: count,
  busy: count,
  retiring: count,
});

export const listedFunction = summary.openapi("FunctionSummary");

const startMode = z.enum(["function", "runtime", "none"]);

const prefork = z
  .object({
    wanted: startMode,
    mode: startMode,
    reason: z.string().nullable().openapi({ description: "Why it is not as wanted" }),
  })
  .openapi("Prefork");

export const functionDescription = summary
  .extend({
    current: version,
    prefork,
    layers: z.array(digest).readonly(),
    versions: z.array(version).readonly(),
    instanceList: z.array(instance).readonly(),
  })
  .openapi("FunctionDescription");

export const deployed = z
  .object({
    name: z.string(),
    version: count,
    digest,
    sizeBytes: count,
    unchanged: z.boolean().openapi({ description: "The same content was live already: nothing was published" }),
    storeMs: z.number(),
    warmMs: z.number(),
    prefork,
    url: z.string(),
    routes,
  })
  .openapi("Deployed");

export const rolledBack = z
  .object({
    name: z.string(),
    version: count.openapi({ description: "The live one from now on" }),
    previous: count,
    unchanged: z.boolean().openapi({ description: "It was live already" }),
    warmMs: z.number(),
    prefork,
    url: z.string(),
    routes,
  })
  .openapi("RolledBack");

export const secretSummary = z
  .object({
    name: z.string(),
    updatedAt: isoTime,
    functions: z.array(z.string()).readonly().openapi({ description: "Whose live versions name it" }),
  })
  .openapi("Secret");

export const logRecord = z.object({
  ts: isoTime,
  seq: count,
  level: z.enum(["debug", "info", "warn", "error"]),
  msg: z.string(),
  stream: z.enum(["stdout", "stderr", "platform"]),
  function: z.string(),
  version: count,
  instance: z.string(),
  requestId: z.string().optional(),
  data: z.record(z.string(), z.unknown()).optional(),
});

export const problem = z
  .object({
    type: z.string(),
    title: z.string(),
    status: count,
    detail: z.string(),
    code: z.enum(Object.keys(catalogue) as [ErrorCode, ...ErrorCode[]]),
    retryable: z.boolean(),
    hint: z.string(),
    requestId: z.string().optional(),
    function: z.string().optional(),
    version: count.optional(),
    problems: z
      .array(
        z.object({
          message: z.string(),
          file: z.string().optional(),
          line: count.optional(),
          column: count.optional(),
          hint: z.string().optional(),
        }),
      )
      .optional(),
  })
  .openapi("Problem");

type Shape<Schema extends z.ZodType> = z.infer<Schema>;
type WithUrl<Type> = Type & { readonly url: string; readonly routes: readonly string[] };

/** Each line fails to compile when the document and the runtime disagree about a field. */
export type DocumentedAnswers = [
  Documents<WithUrl<FunctionSummary>, Shape<typeof listedFunction>>,
  Documents<WithUrl<FunctionDescription>, Shape<typeof functionDescription>>,
  Documents<WithUrl<DeployResult>, Shape<typeof deployed>>,
  Documents<WithUrl<RollbackResult>, Shape<typeof rolledBack>>,
  Documents<InstanceDescription, Shape<typeof instance>>,
  Documents<Required<LogRecord>, Required<Shape<typeof logRecord>>>,
  Documents<keyof ProblemDocument, keyof Shape<typeof problem>>,
];

type Documents<Answered extends Documented, Documented> = [Answered, Documented];
