// One system call of the warden and its children fails, or kills the child that asks, and a sandbox is made and started.
// Wherever the fault strikes, the answer is a failure with a step, or success; afterwards nothing is left and the next
// sandbox works.

import test, { type ExecutionContext } from "ava";
import { TsfnError } from "../../runtime/errors.ts";
import { held, holdsNoMore } from "../support/held.ts";
import { withFault, withFaultIn } from "../support/kernel-faults.ts";
import { inside, run, shareWarden, spec, type TestWarden } from "../support/warden.ts";
import { addNodeLayer, generic, startZygote, type TestZygote, usualClaim } from "../support/zygote.ts";

let warden: TestWarden;
shareWarden(test, (shared) => {
  warden = shared;
});

/** What each call fails with, and whether making and starting a sandbox can do without it. */
const faults: readonly (readonly [fault: string, outcome: "fails" | "works"])[] = [
  ["mkdirat:error=ENOSPC", "fails"],
  ["clone3:error=EAGAIN", "fails"],
  ["unshare:error=ENOSPC", "fails"],
  ["setns:error=EPERM", "fails"],
  ["fsopen:error=ENODEV", "fails"],
  ["fsconfig:error=EINVAL", "fails"],
  ["fsmount:error=ENOMEM", "fails"],
  ["move_mount:error=EINVAL", "fails"],
  ["open_tree:error=EPERM", "fails"],
  ["mount_setattr:error=EPERM", "fails"],
  ["openat2:error=ENOENT", "fails"],
  ["fchownat:error=EPERM", "fails"],
  ["fsetxattr:error=EOPNOTSUPP", "fails"],
  ["pivot_root:error=EPERM", "fails"],
  ["sethostname:error=EPERM", "fails"],
  ["ioctl:error=EPERM", "fails"],
  ["socketpair:error=EMFILE", "fails"],
  ["pipe2:error=ENFILE", "fails"],
  ["fchown:error=EPERM", "fails"],
  ["setresuid:error=EAGAIN", "fails"],
  ["setresgid:error=EPERM", "fails"],
  ["setgroups:error=EPERM", "fails"],
  ["setsid:error=EPERM", "fails"],
  ["prctl:error=EINVAL", "fails"],
  ["capset:error=EPERM", "fails"],
  ["prlimit64:error=EPERM", "fails"],
  ["seccomp:error=EINVAL", "fails"],
  ["close_range:error=ENOSYS", "fails"],
  ["execve:error=ENOEXEC", "fails"],
  ["chdir:error=EACCES", "fails"],
  ["fchdir:error=EACCES", "fails"],
  ["sendmsg:error=EAGAIN", "fails"],
  ["eventfd2:error=EMFILE", "works"],
  // The maker is killed before it is in its groups, before and after it tells of its namespaces, and when it is done.
  ["setresgid:signal=KILL", "fails"],
  ["unshare:signal=KILL", "fails"],
  ["sethostname:signal=KILL", "fails"],
  ["pivot_root:signal=KILL", "fails"],
  ["exit_group:signal=KILL", "works"],
];

for (const [fault, outcome] of faults) {
  test.serial(`${fault}: ${outcome}, and nothing is left`, async (t) => {
    const before = await held(warden);
    await withFault(warden, fault, async () => {
      const failure = await failureOfOneLife();
      t.is(failure === null ? "works" : "fails", outcome, String(failure));
      if (failure !== null) t.truthy((failure.fields.cause as { step?: string }).step);
    });
    await holdsNoMore(t, warden, before);
    t.is((await run(warden, inside("exit", "5"))).exit.exitCode, 5);
  });
}

/** Of what a sandbox has that will be forked into, after its maker is done: the process's ends, and their hand-over. */
const endsFaults = [
  "socketpair:error=EMFILE:when=2",
  "pipe2:error=ENFILE:when=1",
  "pipe2:error=ENFILE:when=3",
  "fchown:error=EPERM",
  "sendmsg:error=EAGAIN:when=2",
];

for (const fault of endsFaults) {
  test.serial(`a sandbox without layers, and ${fault}: fails, and nothing is left`, async (t) => {
    const before = await held(warden);
    await withFault(warden, fault, async () => {
      const error = await t.throwsAsync(generic(warden), { code: "SANDBOX_FAILED" });
      t.regex(String(error), /make (pipes|sockets|tickets)|hand over descriptors/);
    });
    await holdsNoMore(t, warden, before);
    await (await generic(warden)).destroy();
    await holdsNoMore(t, warden, before);
  });
}

/** Of the warden's loop, as a zygote is made and started: for the maker, memory (cgroup v1), the start, the clones' ends. */
for (const when of [1, 4, 5]) {
  test.serial(`a zygote, and epoll_ctl:error=ENOSPC:when=${when}: fails, and nothing is left`, async (t) => {
    const before = await held(warden);
    await withFault(warden, `epoll_ctl:error=ENOSPC:when=${when}`, async () => {
      const of = spec({ kind: "zygote" });
      const error = await t.throwsAsync(run(warden, inside("wait"), of), { code: "SANDBOX_FAILED" });
      t.like(error?.cause, { step: "watch descriptor" });
    });
    await holdsNoMore(t, warden, before);
  });
}

/** Of the warden's share in a fork; what the zygote's helper does is not traced. */
const forkFaults = [
  "socketpair:error=EMFILE",
  "setsockopt:error=EPERM",
  "sendmsg:error=EAGAIN",
  "sendto:error=ENOBUFS:when=1",
  "fsopen:error=ENODEV",
  "openat2:error=ENOENT",
  "open_tree:error=EPERM",
  "setns:error=EPERM:when=1",
  "move_mount:error=EINVAL",
  "chroot:error=EPERM",
  "pidfd_open:error=EMFILE",
];

test.serial("a fork that the kernel refuses anything fails, leaves nothing, and its zygote lives on", async (t) => {
  await addNodeLayer(warden);
  const zygote = await startZygote(warden);
  const before = await held(warden);
  for (const fault of forkFaults) {
    const sandbox = await generic(warden);
    await withFault(warden, fault, async () => {
      await t.throwsAsync(sandbox.fork(zygote.sandbox, usualClaim), { code: "SANDBOX_FAILED" }, fault);
    });
    await sandbox.destroy();
    await forksOn(t, zygote, before);
  }
  await zygote.sandbox.destroy();
});

/** Of the clone's own share, after its birth was told. */
const cloneFaults = [
  "fsmount:error=EPERM",
  "fsmount:signal=KILL",
  "dup2:error=EMFILE",
  "capset:error=EPERM",
  "seccomp:error=EINVAL",
  "seccomp:signal=KILL",
];

test.serial(
  "a clone that the kernel refuses anything is never complete, tells why, and its zygote lives on",
  async (t) => {
    const zygote = await startZygote(warden);
    const before = await held(warden);
    for (const fault of cloneFaults) {
      const sandbox = await generic(warden);
      await withFaultIn([zygote.process.pid], fault, async () => {
        const clone = await sandbox.fork(zygote.sandbox, usualClaim);
        clone.wire.write("self\n");
        const error = await t.throwsAsync(clone.complete, { code: "SANDBOX_FAILED" }, fault);
        t.regex(String(error), fault.includes("KILL") ? /killed before it was complete/ : /fork the zygote.*: E[A-Z]+/);
        await clone.exited;
        const closed = new Promise((resolve) => clone.wire.once("close", resolve));
        clone.wire.on("error", () => undefined).resume(); // Nobody read what was written.
        await closed;
        t.is(clone.wire.bytesRead, 0, "nothing of it ran");
      });
      await sandbox.destroy();
      await forksOn(t, zygote, before);
    }
    await zygote.sandbox.destroy();
  },
);

async function forksOn(t: ExecutionContext, zygote: TestZygote, before: unknown): Promise<void> {
  await holdsNoMore(t, warden, before);
  const clone = await zygote.fork();
  t.is(await clone.ask("mark"), "fresh");
  await clone.sandbox.destroy();
}

async function failureOfOneLife(): Promise<TsfnError | null> {
  try {
    await run(warden, inside("exit", "0"), spec());
    return null;
  } catch (thrown) {
    if (thrown instanceof TsfnError && thrown.code === "SANDBOX_FAILED") return thrown;
    throw thrown;
  }
}
