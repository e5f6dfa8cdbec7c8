// What to do about each thing tsfn doctor may find missing, by its name. The kernel's are those of native/probe.c.

const remedies = new Map([
  ["root", "Run it with sudo: only root can make namespaces and cgroups"],
  ["node", "Run npm install with optional dependencies: they bring Node 26"],
  ["build", "Run npm install where tsfn is; it needs a C compiler and make (apt-get install build-essential)"],
  ["listen", "If that is no tsfn server, choose another address with --listen or TSFN_LISTEN"],
  ["data-dir", "Choose another directory with --data-dir or TSFN_DATA_DIR, or change its owner to root"],
  ["memory", "Free some memory: an instance takes about 48 MiB"],
  ["kernel", "Run it again as root, after npm install"],
]);

const unnamed = "Use a newer kernel (6.1 or later), and outside a container that forbids it";

export function remedyOf(name: string): string {
  return remedies.get(name) ?? unnamed;
}
