// How big a deployed function may be. The packer keeps to these limits so that a person is told before the upload; the
// unpacker enforces them on whatever arrives.

export const packageLimits = {
  files: 10_000,
  /** Sum of all files. */
  totalBytes: 512 * 2 ** 20,
  pathBytes: 1_024,
  nameBytes: 255,
} as const;

/** What is wrong with a relative path of a package, with / between names; undefined when nothing is. */
export function pathProblem(path: string): string | undefined {
  if (path.includes("\0")) return "holds a NUL";
  if (path.includes("\uFFFD")) return "is not valid UTF-8";
  if (path.startsWith("/")) return "is absolute";
  if (Buffer.byteLength(path) > packageLimits.pathBytes) return `is longer than ${packageLimits.pathBytes} bytes`;
  for (const name of path.split("/")) {
    if (name === "" || name === "." || name === "..") return `has ${JSON.stringify(name)} as one of its names`;
    if (Buffer.byteLength(name) > packageLimits.nameBytes) return `has a name of over ${packageLimits.nameBytes} bytes`;
  }
  return undefined;
}
