// From what the schema refused to sentences with a place: key, value found, value wanted, file:line:column.

import { type findNodeAtLocation, type Node, findNodeAtLocation as nodeAt } from "jsonc-parser";
import type { z } from "zod";
import type { Problem } from "../errors.ts";
import { wantedEnvName } from "./manifest-schema.ts";
import { quote } from "./name.ts";
import { nearest } from "./nearest.ts";

type Issue = z.core.$ZodIssue;
type Path = Parameters<typeof findNodeAtLocation>[1];

/** A text with the ability to tell where an offset is. */
export interface ManifestText {
  readonly file: string;
  readonly text: string;
}

export function problemAt({ file, text }: ManifestText, offset: number, message: string, hint?: string): Problem {
  const before = text.slice(0, offset);
  const lineStart = before.lastIndexOf("\n") + 1;
  return {
    message,
    file,
    line: before.split("\n").length,
    column: offset - lineStart + 1,
    ...(hint !== undefined && { hint }),
  };
}

/** One problem per mistake. */
export function problemsOf(source: ManifestText, root: Node, issues: readonly Issue[]): Problem[] {
  return issues.flatMap((issue) => placedProblems(source, root, issue));
}

/** What JSON hides from a schema: keys written twice (the last wins silently) and `__proto__`. */
export function hiddenKeys(source: ManifestText, node: Node, path = ""): Problem[] {
  const seen = new Set<string>();
  return (node.children ?? []).flatMap((child) => {
    if (child.type !== "property") return hiddenKeys(source, child, path);
    const [keyNode, valueNode] = child.children ?? [];
    const key = String(keyNode?.value);
    const name = path === "" ? key : `${path}.${key}`;
    const problems: Problem[] = [];
    if (seen.has(key)) problems.push(problemAt(source, child.offset, `${quote(name)} is written twice; wanted once`));
    if (path === "env" && key === "__proto__") problems.push(problemAt(source, child.offset, badVariable(key)));
    seen.add(key);
    return valueNode === undefined ? problems : [...problems, ...hiddenKeys(source, valueNode, name)];
  });
}

/** In the order of the file, one per place: a second sentence about the same value only repeats the first. */
export function sortByPlace(problems: readonly Problem[]): Problem[] {
  const places = new Map(problems.map((problem) => [`${problem.line}:${problem.column}`, problem]));
  return [...places.values()].toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0));
}

function placedProblems(source: ManifestText, root: Node, issue: Issue): Problem[] {
  const path = issue.path as Path;
  if (issue.code === "invalid_union") {
    const inner = issuesOfKind(issue);
    if (inner !== undefined) return inner.flatMap((each) => placedProblems(source, root, each));
  }
  if (issue.code === "unrecognized_keys") return unknownKeys(source, root, path, issue.keys);
  if (issue.code === "invalid_key") {
    return [problemAt(source, propertyOffset(root, path), badVariable(String(path.at(-1))))];
  }
  const node = nodeAt(root, path);
  const name = path.length === 0 ? source.file : path.join(".");
  const found = node === undefined ? "missing" : describe(node);
  const offset = node?.offset ?? root.offset;
  return [problemAt(source, offset, `${name} is ${found}; wanted ${issue.message}${suggestion(issue, node)}`)];
}

/** Of a value that may be of several kinds: what is wrong with it as the kind that it is; undefined when it is none. */
function issuesOfKind({ errors, path }: z.core.$ZodIssueInvalidUnion): Issue[] | undefined {
  const isOther = (issues: readonly Issue[]) =>
    issues.some((issue) => issue.code === "invalid_type" && issue.path.length === 0);
  const [issues, ...others] = errors.filter((each) => !isOther(each));
  if (issues === undefined || others.length > 0) return undefined;
  return issues.map((issue) => ({ ...issue, path: [...path, ...issue.path] }));
}

function unknownKeys(source: ManifestText, root: Node, path: Path, keys: readonly string[]): Problem[] {
  // The entries of a list have the same keys.
  const known = knownKeys.get(path.filter((part) => typeof part === "string").join(".")) ?? [];
  const where = path.length === 0 ? source.file : path.join(".");
  return keys.map((key) => {
    const offset = propertyOffset(root, [...path, key]);
    const near = nearest(key, known) ?? (path.length === 0 ? nearestNested(key) : undefined);
    const didYouMean = near === undefined ? "" : `; did you mean "${near}"?`;
    const message = `${quote(key)} is not a key of ${where}${didYouMean}`;
    return problemAt(source, offset, message, near === undefined ? `it has ${known.join(", ")}` : undefined);
  });
}

// A test compares this list with the schema, whose shape is behind wrappers (defaults, refinements).
export const knownKeys: ReadonlyMap<string, readonly string[]> = new Map([
  [
    "",
    [
      "$schema",
      "name",
      "main",
      "handler",
      "runtime",
      "env",
      "secrets",
      "limits",
      "concurrency",
      "reuse",
      "prefork",
      "scaling",
      "routes",
      "network",
    ],
  ],
  ["limits", ["memory", "cpus", "timeout", "disk", "pids", "body"]],
  ["scaling", ["min", "max", "idleTimeout"]],
  ["routes", ["host", "path"]],
]);

function nearestNested(key: string): string | undefined {
  for (const [group, keys] of knownKeys) {
    const near = group === "" ? undefined : nearest(key, keys);
    if (near !== undefined) return `${group}.${near}`;
  }
  return undefined;
}

function badVariable(name: string): string {
  return `${quote(name)} cannot name a variable; wanted ${wantedEnvName}`;
}

function suggestion(issue: Issue, node: Node | undefined): string {
  if (issue.code !== "invalid_value" || issue.values.length < 2 || typeof node?.value !== "string") return "";
  const near = nearest(node.value, issue.values.map(String));
  return near === undefined ? "" : `; did you mean "${near}"?`;
}

function propertyOffset(root: Node, path: Path): number {
  const value = nodeAt(root, path);
  return value?.parent?.offset ?? value?.offset ?? root.offset;
}

function describe(node: Node): string {
  if (node.type === "array") return "an array";
  if (node.type === "object") return "an object";
  return node.type === "string" ? quote(String(node.value)) : String(node.value);
}
