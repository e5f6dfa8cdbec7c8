// What the filters must say to every system call, written down a second time and independently of native/filter_list.h:
// a slip in one of the two fails seccomp.test.ts. Whoever changes the policy changes both.

export type Verdict = "allow" | "kill" | "ENOSYS" | "EPERM" | "EINVAL" | "EAFNOSUPPORT" | "EPROTONOSUPPORT";

export const roles = ["instance", "zygote"] as const;
export type Role = (typeof roles)[number];

export function expected(name: string | undefined, args: readonly bigint[], role: Role = "instance"): Verdict {
  if (name === undefined) return "ENOSYS";
  const asZygote = role === "zygote" ? forking.get(name)?.(args) : undefined;
  if (asZygote !== undefined) return asZygote;
  const judge = conditional.get(name);
  if (judge !== undefined) return judge(args);
  if (allowed.has(name)) return "allow";
  return refused.get(name) ?? "ENOSYS";
}

const words = (text: string): string[] => text.trim().split(/\s+/);

const allowed = new Set(
  words(`
  read write readv writev pread64 pwrite64 preadv pwritev preadv2 pwritev2 close lseek poll ppoll select pselect6
  epoll_create epoll_create1 epoll_ctl epoll_wait epoll_pwait epoll_pwait2 eventfd eventfd2 pipe pipe2 dup dup2 dup3 fcntl
  timerfd_create timerfd_settime timerfd_gettime signalfd signalfd4
  inotify_init inotify_init1 inotify_add_watch inotify_rm_watch
  futex futex_waitv set_robust_list get_robust_list rseq membarrier set_tid_address gettid arch_prctl fork vfork
  execve execveat exit exit_group wait4 waitid pidfd_open pidfd_send_signal kill tkill tgkill
  rt_sigqueueinfo rt_tgsigqueueinfo rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending rt_sigsuspend rt_sigtimedwait
  sigaltstack pause alarm restart_syscall getpid getppid getpgid getpgrp getsid setpgid setsid
  mmap munmap mremap mprotect madvise brk msync mincore mlock mlock2 munlock mlockall munlockall memfd_create
  pkey_alloc pkey_free pkey_mprotect get_mempolicy
  open openat openat2 creat close_range getdents getdents64 stat lstat fstat newfstatat statx statfs fstatfs
  access faccessat faccessat2 readlink readlinkat getcwd chdir fchdir mkdir mkdirat rmdir unlink unlinkat
  rename renameat renameat2 link linkat symlink symlinkat umask chmod fchmod fchmodat chown lchown fchown fchownat
  truncate ftruncate fallocate fadvise64 readahead copy_file_range fsync fdatasync syncfs sync_file_range flock
  utime utimes futimesat utimensat getxattr lgetxattr fgetxattr listxattr llistxattr flistxattr
  setxattr lsetxattr fsetxattr removexattr lremovexattr fremovexattr
  bind connect listen accept accept4 shutdown getsockname getpeername getsockopt setsockopt
  sendto recvfrom sendmsg recvmsg sendmmsg recvmmsg
  clock_gettime clock_getres clock_nanosleep nanosleep gettimeofday time times getitimer setitimer
  timer_create timer_settime timer_gettime timer_getoverrun timer_delete
  uname sysinfo getcpu getrandom getrusage getrlimit setrlimit prlimit64 getpriority setpriority
  sched_yield sched_getaffinity sched_setaffinity sched_getparam sched_setparam sched_getscheduler sched_setscheduler
  sched_getattr sched_setattr sched_get_priority_max sched_get_priority_min sched_rr_get_interval
  getuid geteuid getgid getegid getresuid getresgid getgroups setuid setgid setreuid setregid setresuid setresgid
  setgroups setfsuid setfsgid capget capset
`),
);

const refused = new Map<string, Verdict>([
  ...words("splice tee vmsplice sendfile").map((name): [string, Verdict] => [name, "EINVAL"]),
  ...words(`
  clock_settime settimeofday adjtimex clock_adjtime
  ptrace process_vm_readv process_vm_writev kcmp pidfd_getfd process_madvise process_mrelease migrate_pages move_pages
  bpf userfaultfd perf_event_open fanotify_init fanotify_mark io_uring_setup io_uring_enter io_uring_register
  add_key request_key keyctl seccomp remap_file_pages modify_ldt
  setns unshare mount umount2 pivot_root chroot fsopen fsconfig fsmount fspick move_mount open_tree mount_setattr
  open_by_handle_at name_to_handle_at
  reboot kexec_load kexec_file_load init_module finit_module delete_module swapon swapoff quotactl quotactl_fd acct
  syslog sync sethostname setdomainname vhangup iopl ioperm lookup_dcookie
`).map((name): [string, Verdict] => [name, "EPERM"]),
]);

const low32 = (value: bigint | undefined): number => Number(BigInt.asUintN(32, value ?? 0n));

/** NEWTIME, NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET */
const namespaceFlags = 0x7e02_0080n;

const ioctls = new Map<number, Verdict>([
  // FIOCLEX FIONCLEX FIONBIO FIOASYNC FIONREAD TIOCOUTQ
  ...[0x5451, 0x5450, 0x5421, 0x5452, 0x541b, 0x5411].map((code): [number, Verdict] => [code, "allow"]),
  // TCGETS TCSETS TCSETSW TCSETSF TCSBRK TCXONC TCFLSH TCGETS2 TCSETS2 TCSETSW2 TCSETSF2
  ...[0x5401, 0x5402, 0x5403, 0x5404, 0x5409, 0x540a, 0x540b].map((code): [number, Verdict] => [code, "allow"]),
  ...[0x802c542a, 0x402c542b, 0x402c542c, 0x402c542d].map((code): [number, Verdict] => [code, "allow"]),
  // TIOCGWINSZ TIOCSWINSZ TIOCGPGRP TIOCSPGRP TIOCGSID TIOCSCTTY TIOCNOTTY
  ...[0x5413, 0x5414, 0x540f, 0x5410, 0x5429, 0x540e, 0x5422].map((code): [number, Verdict] => [code, "allow"]),
  // SIOCGIFNAME CONF FLAGS ADDR BRDADDR NETMASK MTU HWADDR INDEX, SIOCATMARK
  ...[0x8910, 0x8912, 0x8913, 0x8915, 0x8919, 0x891b].map((code): [number, Verdict] => [code, "allow"]),
  ...[0x8921, 0x8927, 0x8933, 0x8905].map((code): [number, Verdict] => [code, "allow"]),
  // FICLONE FICLONERANGE
  ...[0x40049409, 0x4020940d].map((code): [number, Verdict] => [code, "allow"]),
  // TIOCSTI TIOCLINUX TIOCSETD
  ...[0x5412, 0x541c, 0x5423].map((code): [number, Verdict] => [code, "EPERM"]),
]);

const prctls = new Map<number, Verdict>([
  // names, death signal, dumpable, keepcaps
  ...[15, 16, 1, 2, 4, 3, 8, 7].map((option): [number, Verdict] => [option, "allow"]),
  // no_new_privs, subreaper, timer slack, huge pages, speculation, tagged addresses
  ...[38, 39, 36, 37, 29, 30, 41, 42, 53, 52, 55, 56].map((option): [number, Verdict] => [option, "allow"]),
  // PR_GET_SECUREBITS PR_GET_SECCOMP PR_CAPBSET_READ PR_GET_TID_ADDRESS PR_SET_VMA
  ...[27, 21, 23, 40, 0x53564d41].map((option): [number, Verdict] => [option, "allow"]),
  // PR_SET_MM PR_SET_SECCOMP PR_SET_PTRACER
  ...[35, 22, 0x59616d61].map((option): [number, Verdict] => [option, "EPERM"]),
]);

/** S_IFMT of a mode to what mknod may say: fifo, plain file and socket are harmless. */
const nodes = new Map<number, Verdict>([
  ...[0o000000, 0o010000, 0o100000, 0o140000].map((type): [number, Verdict] => [type, "allow"]),
  ...[0o020000, 0o060000].map((type): [number, Verdict] => [type, "EPERM"]),
]);

/** AF_INET and AF_INET6 to their protocols: default, tcp, udp and the family's own echo. */
const internet = new Map<bigint, ReadonlySet<bigint>>([
  [2n, new Set([0n, 1n, 6n, 17n])],
  [10n, new Set([0n, 6n, 17n, 58n])],
  [16n, new Set([0n])],
]);

function socket([family = 0n, , protocol = 0n]: readonly bigint[]): Verdict {
  if (family === 1n) return "allow";
  const protocols = internet.get(family);
  if (protocols === undefined) return "EAFNOSUPPORT";
  return protocols.has(protocol) ? "allow" : "EPROTONOSUPPORT";
}

const conditional = new Map<string, (args: readonly bigint[]) => Verdict>([
  ["clone", ([flags = 0n]) => ((flags & namespaceFlags) === 0n ? "allow" : "EPERM")],
  ["socket", socket],
  ["socketpair", ([family]) => (family === 1n ? "allow" : "EAFNOSUPPORT")],
  ["ioctl", ([, request]) => ioctls.get(low32(request)) ?? "ENOSYS"],
  ["prctl", ([option]) => prctls.get(low32(option)) ?? "ENOSYS"],
  ["personality", ([persona]) => ([0, 0xffff_ffff].includes(low32(persona)) ? "allow" : "ENOSYS")],
  ["mknod", ([, mode]) => nodes.get(low32(mode) & 0o170000) ?? "ENOSYS"],
  ["mknodat", ([, , mode]) => nodes.get(low32(mode) & 0o170000) ?? "ENOSYS"],
]);

/** What a zygote may do besides. undefined: as an instance. */
const forking = new Map<string, (args: readonly bigint[]) => Verdict | undefined>([
  ...words(
    "setns sethostname fsopen fsconfig fsmount umount2 move_mount landlock_create_ruleset landlock_restrict_self",
  ).map((name): [string, () => Verdict] => [name, () => "allow"]),
  // CLONE_NEWPID | CLONE_NEWTIME
  ["unshare", ([flags]) => (low32(flags) === 0x2000_0080 ? "allow" : "ENOSYS")],
  // SECCOMP_SET_MODE_FILTER
  ["seccomp", ([operation]) => (low32(operation) === 1 ? "allow" : "ENOSYS")],
  // PR_CAPBSET_DROP PR_CAP_AMBIENT
  ["prctl", ([option]) => ([24, 47].includes(low32(option)) ? "allow" : undefined)],
]);

/** Values worth trying as any argument: small numbers, every bit, what the tables above name and its neighbours, and
 * all of these with something in the upper half, which the kernel may ignore. */
export function interestingValues(): bigint[] {
  const named = [...ioctls.keys(), ...prctls.keys(), ...nodes.keys()].flatMap((value) => [value - 1, value, value + 1]);
  const low = new Set([
    ...Array.from({ length: 70 }, (_, value) => BigInt(value)),
    ...Array.from({ length: 32 }, (_, bit) => 1n << BigInt(bit)),
    ...named.filter((value) => value >= 0).map(BigInt),
    0xffff_ffffn,
    0x2000_0080n,
  ]);
  return [...low].flatMap((value) => [value, value | (1n << 32n), value | (0xffff_ffffn << 32n)]);
}

/** Those that one filter or the other judges by their arguments. */
export const conditionalCalls: ReadonlySet<string> = new Set([...conditional.keys(), "unshare", "seccomp"]);

/** Every call that is mentioned here. */
export const namedCalls: readonly string[] = [...allowed, ...refused.keys(), ...conditional.keys()];
