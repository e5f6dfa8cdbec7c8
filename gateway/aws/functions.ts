// The part of Lambda's management API that deploys and describes functions: each of its calls is one of the runtime's.
// Versions and aliases are published-versions.ts. What tsfn has no use for (a role, a description, tags) is accepted and
// not told again; docs/aws.md lists it.

import { z } from "zod";
import { type FunctionVersion, type Manifest, packZip } from "../../runtime/catalog/index.ts";
import type { Runtime } from "../../runtime/index.ts";
import { AwsError } from "./aws-error.ts";
import { arnOf, latest } from "./function-reference.ts";
import { manifestText, manifestTextFrom } from "./manifest-text.ts";

const zip = z.base64();
const variables = z.record(z.string(), z.string());

const createRequest = z.looseObject({
  FunctionName: z.string(),
  Handler: z.string().default("index.handler"),
  Runtime: z.string().default("nodejs24.x"),
  PackageType: z.literal("Zip").default("Zip"),
  Code: z.looseObject({ ZipFile: zip }),
  Timeout: z.int().min(1).max(900).default(3),
  MemorySize: z.int().min(32).max(65_536).default(128),
  Environment: z.looseObject({ Variables: variables.default({}) }).default({ Variables: {} }),
  EphemeralStorage: z.looseObject({ Size: z.int().min(1).max(65_536) }).optional(),
});

const updateCodeRequest = z.looseObject({
  ZipFile: zip,
  DryRun: z.boolean().default(false),
});

/** @throws AwsError, TsfnError of a package that does not unpack or load */
export async function createFunction(runtime: Runtime, document: unknown): Promise<object> {
  const request = parse(createRequest, document);
  const { FunctionName: name } = request;
  const manifestRuntime = runtimeFor(request.Runtime);
  if (runtime.current(name) !== undefined) {
    throw new AwsError(409, "ResourceConflictException", `Function already exist: ${name}`);
  }
  const text = manifestText({
    name,
    runtime: manifestRuntime,
    env: { ...request.Environment.Variables, ...settingsIn(request.Handler, request.Runtime) },
    memoryMb: request.MemorySize,
    timeoutS: request.Timeout,
    diskMb: request.EphemeralStorage?.Size ?? null,
  });
  const handler = manifestRuntime === "provided" ? null : request.Handler;
  await deploy(runtime, name, request.Code.ZipFile, handler, text);
  return configurationOf(found(runtime, name), latest);
}

/** @throws AwsError, TsfnError of a package that does not unpack or load */
export async function updateFunctionCode(runtime: Runtime, name: string, document: unknown): Promise<object> {
  const request = parse(updateCodeRequest, document);
  const { manifest } = found(runtime, name);
  const handler = manifest.runtime === "provided" ? null : handlerOf(manifest);
  if (!request.DryRun) await deploy(runtime, name, request.ZipFile, handler, manifestTextFrom(manifest));
  return configurationOf(found(runtime, name), latest);
}

export function listFunctions(runtime: Runtime): object {
  const functions = runtime.list().map((summary) => configurationOf(found(runtime, summary.function), latest));
  return { Functions: functions };
}

export function getFunction(version: FunctionVersion, qualifier: string): object {
  const { function: name } = version;
  return {
    Configuration: configurationOf(version, qualifier),
    Code: { RepositoryType: "tsfn" },
    Tags: {},
    Concurrency: { ReservedConcurrentExecutions: version.manifest.scaling.max },
    FunctionArn: arnOf(name),
  };
}

/** `FunctionConfiguration` of the live version, or of one that was asked for. */
export function configurationOf(version: FunctionVersion, qualifier: string): Readonly<Record<string, unknown>> {
  const { function: name, number, manifest, sizeBytes, createdAt, layer } = version;
  const { memoryBytes, timeoutMs, diskBytes } = manifest.limits;
  return {
    FunctionName: name,
    FunctionArn: qualifier === latest ? arnOf(name) : arnOf(name, qualifier),
    Runtime: manifest.env[runtimeVariable]?.replace(/^AWS_Lambda_/, "") ?? usualRuntimes[manifest.runtime],
    Handler: handlerOf(manifest),
    Role: "arn:aws:iam::000000000000:role/tsfn",
    CodeSize: sizeBytes,
    CodeSha256: Buffer.from(layer.replace(/^sha256:/, ""), "hex").toString("base64"),
    Description: "",
    Timeout: Math.ceil(timeoutMs / 1_000),
    MemorySize: Math.floor(memoryBytes / 2 ** 20),
    EphemeralStorage: { Size: Math.floor(diskBytes / 2 ** 20) },
    LastModified: createdAt.replace("Z", "+0000"),
    Version: qualifier === latest ? latest : String(number),
    Environment: { Variables: ownVariables(manifest) },
    PackageType: "Zip",
    Architectures: [process.arch === "arm64" ? "arm64" : "x86_64"],
    State: "Active",
    LastUpdateStatus: "Successful",
    TracingConfig: { Mode: "PassThrough" },
    RevisionId: `${name}-${number}`,
  };
}

/** @throws AwsError InvalidParameterValueException with every problem */
export function parse<Schema extends z.ZodType>(schema: Schema, document: unknown): z.output<Schema> {
  const parsed = schema.safeParse(document);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(({ path, message }) => `${path.join(".") || "the document"}: ${message}`);
  throw new AwsError(400, "InvalidParameterValueException", problems.join("; "));
}

async function deploy(
  runtime: Runtime,
  name: string,
  archive: string,
  handler: string | null,
  text: string,
): Promise<void> {
  const source = { archive: Buffer.from(archive, "base64"), handler, manifestText: text };
  await runtime.deploy(name, await packZip(source));
}

// Lambda tells a function its handler and its runtime by variables, which is also where they are kept from one deployment
// to the next: https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime
const handlerVariable = "_HANDLER";
const runtimeVariable = "AWS_EXECUTION_ENV";

function settingsIn(handler: string, runtime: string): Readonly<Record<string, string>> {
  return { [handlerVariable]: handler, [runtimeVariable]: `AWS_Lambda_${runtime}` };
}

function handlerOf({ env }: Manifest): string {
  return env[handlerVariable] ?? "index.handler";
}

function ownVariables({ env }: Manifest): Readonly<Record<string, string>> {
  const { [handlerVariable]: _handler, [runtimeVariable]: _runtime, ...own } = env;
  return own;
}

function found(runtime: Pick<Runtime, "current">, name: string): FunctionVersion {
  const version = runtime.current(name);
  if (version === undefined) throw new AwsError(404, "ResourceNotFoundException", `Function not found: ${arnOf(name)}`);
  return version;
}

/** Lambda's names for those of functions that did not come from its clients. */
const usualRuntimes: Readonly<Record<Manifest["runtime"], string>> = {
  node26: "nodejs26.x",
  node24: "nodejs24.x",
  provided: "provided.al2023",
};

/** The Node that is not older than the one asked for, or else the newest. */
function runtimeFor(runtime: string): Manifest["runtime"] {
  const major = /^nodejs(\d+)\.x$/.exec(runtime)?.[1];
  if (major !== undefined) return Number(major) <= 24 ? "node24" : "node26";
  if (/^provided(?:\.al2|\.al2023)?$/.test(runtime)) return "provided";
  const message = `Runtime is ${JSON.stringify(runtime)}; wanted nodejs24.x, nodejs26.x, another nodejs<major>.x, which runs on the nearer one, or provided`;
  throw new AwsError(400, "InvalidParameterValueException", message);
}
