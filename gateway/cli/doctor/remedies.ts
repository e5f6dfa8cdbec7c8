// What to do about each thing tsfn doctor may find missing or degraded, by its name. The kernel's names are those of
// native/probe.c; a test compares the two.

const newerKernel = (version: string, what: string): string => `Use Linux ${version} or later: ${what}`;

const namespaces = (option: string): string =>
  `Use a kernel built with ${option}; inside a container, one that allows it (docker run --privileged)`;

const controller = (name: string): string =>
  `Mount a cgroup hierarchy with the ${name} controller; on cgroup v1 boot with cgroup_enable=${name}, and inside a ` +
  "container make /sys/fs/cgroup writable";

const remedies: ReadonlyMap<string, string> = new Map([
  ["root", "Run it with sudo"],
  ["node", "Run npm install with optional dependencies: they bring Node 26"],
  ["build", "Run npm install where tsfn is; it needs a C compiler and make (apt-get install build-essential)"],
  ["listen", "If that is not a tsfn server, choose another address with --listen or TSFN_LISTEN"],
  ["data-dir", "Choose another directory with --data-dir or TSFN_DATA_DIR"],
  ["memory", "Free some memory: an instance takes about 48 MiB"],
  ["kernel-probe", "Run it again as root, after npm install"],

  ["capabilities", "Run it as root; inside a container, with all capabilities (docker run --privileged)"],
  ["kernel-version", newerKernel("5.15", "6.1 or later is recommended")],
  ["user-namespace", `${namespaces("CONFIG_USER_NS")}; check: sysctl kernel.unprivileged_userns_clone`],
  ["user-namespace-limit", "Raise it: sysctl -w user.max_user_namespaces=65536"],
  ["mount-namespace", namespaces("CONFIG_NAMESPACES")],
  ["pid-namespace", namespaces("CONFIG_PID_NS")],
  ["ipc-namespace", namespaces("CONFIG_IPC_NS")],
  ["uts-namespace", namespaces("CONFIG_UTS_NS")],
  ["network-namespace", namespaces("CONFIG_NET_NS")],
  [
    "network-egress",
    `Load them: modprobe nf_tables nft_tproxy; without, only functions with "network": "none" can be deployed. It needs a ` +
      "kernel with CONFIG_NF_TABLES_INET and CONFIG_NFT_TPROXY",
  ],
  ["cgroup-namespace", namespaces("CONFIG_CGROUPS")],
  ["time-namespace", namespaces("CONFIG_TIME_NS")],
  ["tmpfs", newerKernel("5.2", "the new mount API (fsopen) with CONFIG_TMPFS")],
  ["overlay", "Load it: modprobe overlay; it needs a kernel with CONFIG_OVERLAY_FS"],
  ["overlay-opaque", "Use a kernel with CONFIG_TMPFS_XATTR; inside a container, one with CAP_SYS_ADMIN"],
  ["proc-subset", newerKernel("5.8", "proc with subset=pid; inside a container, unmask /proc (--privileged)")],
  ["pidfd", newerKernel("5.4", "pidfd_open and waitid on it")],
  ["close-range", newerKernel("5.9", "close_range")],
  ["openat2", newerKernel("5.6", "openat2")],
  ["seccomp-filter", namespaces("CONFIG_SECCOMP_FILTER")],
  ["landlock-scopes", newerKernel("6.12", "scopes of Landlock, a second lock on signals and abstract sockets")],
  ["memory-cgroup", controller("memory")],
  ["swap-limit", "Boot with swapaccount=1, or turn swap off: swapoff -a"],
  ["cpu-cgroup", `${controller("cpu")}; it needs CONFIG_CFS_BANDWIDTH`],
  ["pids-cgroup", controller("pids")],
  ["devices-cgroup", "Nothing to do: sandboxes have no device nodes to open; the controller is a second lock"],
  ["clone-into-cgroup", newerKernel("5.7", "and mount a cgroup v2 tree, for starts that skip a step")],
  ["cgroup-kill", newerKernel("5.14", "and mount a cgroup v2 tree, for kills that miss nothing")],
  ["open-files", "Raise it: ulimit -Hn 65536, or LimitNOFILE=65536 in the systemd unit"],
]);

const unnamed = "Use a newer kernel (6.1 or later), outside a container that forbids it";

export function remedyOf(name: string): string {
  return remedies.get(name) ?? unnamed;
}

export function hasRemedy(name: string): boolean {
  return remedies.has(name);
}
