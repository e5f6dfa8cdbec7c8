// From the text of tsfn.json to a Manifest, or to every mistake in it at once. The syntax is json-text.ts, the schema
// manifest-schema.ts, the sentences about values are manifest-problems.ts.

import { findNodeAtLocation, getNodeValue, type Node } from "jsonc-parser";
import type { z } from "zod";
import { type Problem, TsfnError } from "../errors.ts";
import { parseJsonText } from "./json-text.ts";
import { hiddenKeys, type ManifestText, problemAt, problemsOf, sortByPlace } from "./manifest-problems.ts";
import { manifestSchema } from "./manifest-schema.ts";
import { checkName } from "./name.ts";
import type { Manifest } from "./version.ts";

export const maxManifestBytes = 262_144;
const dialect = {
  comments: true,
  maxDepth: 16,
  wanted: { object: `an object: { "name": "hello" }`, depth: "at most 2" },
};

/** What fills gaps in the file. Without a name here, the file must have one. */
export interface ManifestDefaults {
  readonly name?: string;
}

/** A manifest with what matters only where it was written. */
export interface ParsedManifest {
  readonly manifest: Manifest;
  /** The module named by `main`, as written. */
  readonly main: string | undefined;
  /** Something that is wrong with the value of a key. */
  problemWith(key: string, message: string): Problem;
}

/** @throws TsfnError MANIFEST_INVALID with all problems, NAME_INVALID when only the default name is at fault. */
export function parseManifest(text: string, file: string, defaults: ManifestDefaults): Manifest {
  return readManifest(text, file, defaults).manifest;
}

/** As parseManifest, with `main` beside it. */
export function readManifest(text: string, file: string, defaults: ManifestDefaults): ParsedManifest {
  const source = { file, text: text.replace(/^\uFEFF/, "") };
  const root = parseJsonc(source);
  const result = manifestSchema.safeParse(getNodeValue(root));
  const problems = sortByPlace([
    ...hiddenKeys(source, root),
    ...problemsOf(source, root, result.success ? [] : result.error.issues),
  ]);
  if (!result.success || problems.length > 0) throw invalid(file, problems);
  const name = result.data.name ?? checkDefaultName(source, defaults);
  return {
    manifest: toManifest(name, result.data),
    main: result.data.main,
    problemWith: (key, message) => problemAt(source, findNodeAtLocation(root, [key])?.offset ?? 0, message),
  };
}

function parseJsonc(source: ManifestText): Node {
  const { file, text } = source;
  const bytes = Buffer.byteLength(text);
  if (bytes > maxManifestBytes) {
    throw invalid(file, [problemAt(source, 0, `${file} has ${bytes} bytes; wanted at most ${maxManifestBytes}`)]);
  }
  const parsed = parseJsonText(source, dialect);
  if ("problems" in parsed) throw invalid(file, parsed.problems);
  return parsed.root;
}

function invalid(file: string, problems: readonly Problem[]): TsfnError {
  const count = problems.length === 1 ? "one problem" : `${problems.length} problems`;
  return new TsfnError("MANIFEST_INVALID", `${file} has ${count}`, { problems });
}

function checkDefaultName(source: ManifestText, { name }: ManifestDefaults): string {
  if (name !== undefined) return checkName(name, `Set "name" in ${source.file}, or pass --name`);
  throw invalid(source.file, [problemAt(source, 0, `name is missing; wanted "name": "hello" or the like`)]);
}

function toManifest(name: string, data: z.output<typeof manifestSchema>): Manifest {
  const { limits, scaling } = data;
  return {
    name,
    runtime: data.runtime,
    handler: data.handler,
    env: { ...data.env },
    secrets: [...data.secrets],
    limits: {
      memoryBytes: limits.memory,
      cpus: limits.cpus,
      timeoutMs: limits.timeout,
      diskBytes: limits.disk,
      pids: limits.pids,
      bodyBytes: limits.body,
    },
    concurrency: data.concurrency,
    reuse: data.reuse,
    prefork: data.prefork ?? (data.runtime === "provided" ? "none" : "function"),
    scaling: { min: scaling.min, max: scaling.max, idleTimeoutMs: scaling.idleTimeout },
    routes: data.routes,
    network: data.network,
  };
}
