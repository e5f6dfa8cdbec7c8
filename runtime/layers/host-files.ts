// What a runtime's base layer takes from this machine: a Node that tsfn's own package brings, the C libraries that Node is linked
// with, certificates and time zones. base.ts puts them together.

import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { constants, createReadStream, createWriteStream, existsSync } from "node:fs";
import { copyFile, lstat, mkdir, readdir, readlink, stat, symlink } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { NodeName } from "../catalog/index.ts";
import { isErrno, TsfnError } from "../errors.ts";

export interface HostFile {
  /** Absolute, on this machine; links are followed. */
  readonly from: string;
  /** Absolute, inside the layer. */
  readonly to: string;
}

const nodePath = "/usr/local/bin/node";
/** The optional dependencies that bring Node, without the architecture at their ends. */
const packageNames: Readonly<Record<NodeName, string>> = { node26: "node-linux", node24: "node24-linux" };
// The names are part of each architecture's ABI.
const loaders: ReadonlyMap<string, string> = new Map([
  ["x64", "/lib64/ld-linux-x86-64.so.2"],
  ["arm64", "/lib/ld-linux-aarch64.so.1"],
]);
/** glibc loads these by name at run time, so that they are not in the list of what Node is linked with. */
const lateLibraries = ["libresolv.so.2", "libnss_files.so.2", "libnss_dns.so.2"];
const certificatePaths = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/ca-bundle.pem",
  "/etc/ssl/cert.pem",
];
const certificatesPath = "/etc/ssl/certs/ca-certificates.crt";
const hugePageBytes = 2 ** 21;
const zoneinfoPath = "/usr/share/zoneinfo";
/** Copies of the other zones with different leap seconds, and links to the machine's own zone. */
const zonesLeftOut = new Set(["posix", "right", "localtime", "posixrules"]);

/** @throws TsfnError RUNTIME_NOT_INSTALLED; INTERNAL when its libraries are not found */
export async function findHostFiles(node: NodeName): Promise<readonly HostFile[]> {
  const program = findNode(node);
  const libraries = await findLibraries(program);
  const certificates = await firstExisting(certificatePaths);
  return [
    { from: program, to: nodePath },
    ...libraries,
    ...(certificates === undefined ? [] : [{ from: certificates, to: certificatesPath }]),
  ];
}

/** What a zygote loads besides the guest's code: libtsfn, and koffi to call it. @throws TsfnError NOT_BUILT */
export function findGuestLibraries(): readonly HostFile[] {
  const library = fileURLToPath(new URL("../../native/build/libtsfn.so", import.meta.url));
  if (!existsSync(library)) throw new TsfnError("NOT_BUILT", `${library} is missing`);
  const koffi = createRequire(createRequire(import.meta.url).resolve("koffi"));
  const file = `@koromix/koffi-linux-${process.arch}/linux_${process.arch}/koffi.node`;
  return [
    { from: library, to: "/opt/tsfn/libtsfn.so" },
    { from: koffi.resolve(file), to: "/opt/tsfn/koffi.node" },
  ];
}

/** Changes whenever a layer made from these files, and from `rest`, would. */
export async function fingerprint(files: readonly HostFile[], rest: string): Promise<string> {
  const zones = [zoneinfoPath, join(zoneinfoPath, "tzdata.zi")].map((path) => ({ from: path, to: path }));
  const facts = await Promise.all(
    [...files, ...zones].map(async ({ from, to }) => {
      const stats = await stat(from, { bigint: true }).catch(ignoreMissing);
      return [from, to, String(stats?.size), String(stats?.mtimeNs)];
    }),
  );
  return createHash("sha256")
    .update(JSON.stringify([facts, rest]))
    .digest("hex");
}

/** The files and the time zones. When it rejects, nothing is being written any more. */
export async function copyHostFiles(files: readonly HostFile[], root: string): Promise<void> {
  await allSettled([copyFiles(files, root), copyZones(zoneinfoPath, join(root, zoneinfoPath))]);
}

/** When it rejects, nothing is being written any more. */
export async function copyFiles(files: readonly HostFile[], root: string): Promise<void> {
  for (const { to } of files) await mkdir(join(root, dirname(to)), { recursive: true });
  await allSettled(files.map(({ from, to }) => copyOne(from, join(root, to))));
}

/**
 * A program is written in pieces as large as a huge page: file systems that can (ext4 since Linux 6.16, XFS, Btrfs) then
 * cache it in such pages, and all processes share one entry of a page table where each of them would have 512.
 */
async function copyOne(from: string, to: string): Promise<void> {
  const { size, mode } = await stat(from);
  if (size < 2 * hugePageBytes) return await copyFile(from, to, constants.COPYFILE_FICLONE);
  await pipeline(
    createReadStream(from, { highWaterMark: 4 * hugePageBytes }),
    createWriteStream(to, { mode, flags: "wx" }),
  );
}

async function allSettled(work: readonly Promise<void>[]): Promise<void> {
  const failure = (await Promise.allSettled(work)).find(({ status }) => status === "rejected");
  if (failure?.status === "rejected") throw failure.reason;
}

function findNode(node: NodeName): string {
  const name = `${packageNames[node]}-${process.arch}`;
  try {
    return join(dirname(createRequire(import.meta.url).resolve(`${name}/package.json`)), "bin/node");
  } catch (cause) {
    if (process.version.startsWith(`v${node.slice("node".length)}.`)) return process.execPath;
    const message = `the runtime ${node} needs the package ${name}, which is not installed`;
    throw new TsfnError("RUNTIME_NOT_INSTALLED", message, { cause });
  }
}

async function findLibraries(program: string): Promise<HostFile[]> {
  const loader = loaders.get(process.arch);
  if (loader === undefined) throw new TsfnError("INTERNAL", `there is no base layer for ${process.arch} yet`);
  const listed = await listLibraries(loader, program);
  const libc = listed.get("libc.so.6");
  if (libc === undefined) throw new TsfnError("INTERNAL", `${program} is not linked with glibc; wanted libc.so.6`);
  // Where libc is, the loader looks by itself, without the machine's ld.so.cache.
  const libraryDir = dirname(libc);
  const late = await Promise.all(lateLibraries.map((name) => firstExisting([join(libraryDir, name)])));
  return [
    { from: loader, to: loader },
    ...[...listed].map(([name, from]) => ({ from, to: join(libraryDir, name) })),
    ...late.filter((path) => path !== undefined).map((path) => ({ from: path, to: path })),
  ];
}

/** Name → path, as the loader itself resolves them. */
async function listLibraries(loader: string, program: string): Promise<Map<string, string>> {
  const { stdout } = await promisify(execFile)(loader, ["--list", program], { env: {} }).catch((cause: Error) => {
    throw new TsfnError("INTERNAL", `the libraries of ${program} cannot be listed: ${cause.message}`, { cause });
  });
  const matches = stdout.matchAll(/^\s*(\S+) => (\S.*?)(?: \(0x[0-9a-f]+\))?$/gm);
  const libraries = new Map<string, string>();
  for (const [, name, path] of matches) {
    if (name === undefined || !path?.startsWith("/")) {
      throw new TsfnError("INTERNAL", `the library ${name} of ${program} was not found`);
    }
    libraries.set(name, path);
  }
  return libraries;
}

async function copyZones(from: string, to: string): Promise<void> {
  const entries = await readdir(from, { withFileTypes: true }).catch(ignoreMissing);
  await mkdir(to, { recursive: true });
  for (const entry of entries ?? []) {
    if (zonesLeftOut.has(entry.name)) continue;
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) await copyZones(source, target);
    else if (entry.isSymbolicLink()) await copyLink(source, target);
    else await copyFile(source, target);
  }
}

// A zone's second name. A link out of the tree would lead nowhere inside a sandbox.
async function copyLink(source: string, target: string): Promise<void> {
  const destination = await readlink(source);
  const isInside = join(dirname(source), destination).startsWith(`${zoneinfoPath}/`) && !destination.startsWith("/");
  if (isInside) await symlink(destination, target);
}

async function firstExisting(paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) {
    if ((await lstat(path).catch(ignoreMissing)) !== undefined) return path;
  }
  return undefined;
}

function ignoreMissing(error: unknown): undefined {
  if (!isErrno(error, "ENOENT")) throw error;
}
