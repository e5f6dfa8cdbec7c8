// A VM per start, QEMU's microvm with the same Node and bundle: booted, and restored from a snapshot of a guest that has
// answered already. Under KVM where a guest really boots under it, else emulated; about says which.

import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { setTimeout as pause } from "node:timers/promises";
import { now } from "../../runtime/trace.ts";
import { until } from "../../test/support/until.ts";
import { type CpuMeter, createCpuMeter } from "../cpu-meter.ts";
import { getFirstByte, requireStatus } from "../first-byte.ts";
import { makePlace } from "../place.ts";
import { freePort } from "./free-port.ts";
import { type Guest, guestPort, makeGuest } from "./guest.ts";
import type { ColdPeer, ColdStart } from "./peer.ts";
import { type Monitor, openMonitor } from "./qemu-monitor.ts";

export type Accelerator = "kvm" | "tcg";

export interface Vms {
  readonly accelerator: Accelerator;
  readonly boot: ColdPeer;
  readonly restore: ColdPeer;
}

type Qemu = ChildProcessByStdio<Writable, Readable, null>;

interface Machine {
  readonly guest: Guest;
  readonly accelerator: Accelerator;
  readonly meter: CpuMeter;
  /** One for all, because a snapshot knows it; so one VM at a time. */
  readonly port: number;
  /** Directory of the snapshot. */
  readonly place: string;
}

const memoryMib = 512;
const bootPatienceMs = 180_000;
const commandLine = "console=ttyS0 quiet panic=-1 reboot=t";
/** An emulated microvm has no timer against which a kernel could measure its clock, and it does not boot without one. */
const clock: Readonly<Record<Accelerator, string>> = { kvm: "", tcg: "tsc_early_khz=2000000" };
/** A guest that boots under KVM has long done so by then. */
const kvmPatienceMs = 5_000;
const names: Readonly<Record<Accelerator, string>> = { kvm: "KVM", tcg: "emulated, TCG: KVM boots no guest here" };

/** @param layers directories of tsfn's base layers, topmost first @param directory of the function */
export async function prepareVms(
  owner: AsyncDisposableStack,
  layers: readonly string[],
  directory: string,
): Promise<Vms> {
  const place = makePlace(owner);
  const meter = createCpuMeter("vm");
  owner.defer(() => meter.remove());
  const parts = { guest: await makeGuest(place, layers, directory), meter, port: await freePort(), place };
  const accelerator = (await bootsInTime({ ...parts, accelerator: "kvm" })) ? "kvm" : "tcg";
  const machine: Machine = { ...parts, accelerator };
  await takeSnapshot(machine);
  const what = `QEMU microvm, ${names[accelerator]}, ${memoryMib} MiB, Linux ${machine.guest.kernelVersion} of Debian, everything in an initramfs`;
  return {
    accelerator,
    boot: {
      name: `VM boot (${accelerator})`,
      about: `VM boot: ${what}; reached through QEMU's user network`,
      meter,
      spawn: () => boot(machine),
    },
    restore: {
      name: `VM restore (${accelerator})`,
      about: `VM restore: ${what}; its memory is mapped from the snapshot's file, copy on write; the guest had answered before`,
      meter,
      spawn: () => restore(machine),
    },
  };
}

/** Whether a guest serves: a machine may have KVM and still hang every guest. */
async function bootsInTime(machine: Machine): Promise<boolean> {
  const start = boot(machine);
  try {
    return await Promise.race([start.firstByte().then(() => true), pause(kvmPatienceMs, false, { ref: false })]);
  } catch {
    // QEMU says on stderr why it has no KVM.
    return false;
  } finally {
    await start.end();
  }
}

function boot(machine: Machine): ColdStart {
  const [qemu, spawnedAtMs] = launch(machine, ["-m", `${memoryMib}`, "-serial", "stdio"]);
  return startOf(qemu, spawnedAtMs, machine, async () => {
    for await (const line of createInterface({ input: qemu.stdout })) if (line.trim() === String(guestPort)) return;
    throw new Error("the VM ended before its server listened");
  });
}

function restore(machine: Machine): ColdStart {
  const [qemu, spawnedAtMs] = launch(machine, [
    ...memoryOf(machine, "private"),
    "-serial",
    "null",
    "-qmp",
    "stdio",
    "-incoming",
    "defer",
  ]);
  return startOf(qemu, spawnedAtMs, machine, async () => {
    const monitor = await openMonitor(qemu);
    await leaveMemoryOut(monitor);
    await monitor.execute("migrate-incoming", { uri: `exec:cat ${devicesOf(machine)}` });
    await monitor.event("RESUME");
  });
}

function startOf(qemu: Qemu, spawnedAtMs: number, { port }: Machine, ready: () => Promise<void>): ColdStart {
  return {
    spawnedAtMs,
    async firstByte(onFirstByte = () => undefined) {
      await ready();
      return await getFirstByte(port, "/", onFirstByte);
    },
    servingPid: () => qemu.pid ?? Number.NaN,
    end: () => endOf(qemu),
  };
}

/** Memory goes into a file as the guest writes it; the state of the devices into another, once it has answered. */
async function takeSnapshot(machine: Machine): Promise<void> {
  const console = join(machine.place, "console");
  const [qemu] = launch(machine, [...memoryOf(machine, "shared"), "-serial", `file:${console}`, "-qmp", "stdio"]);
  try {
    const monitor = await openMonitor(qemu);
    await until("the guest listens", () => readFileSync(console, "utf8").includes(`${guestPort}`), bootPatienceMs);
    requireStatus(await getFirstByte(machine.port, "/", () => undefined));
    await leaveMemoryOut(monitor);
    await monitor.execute("migrate", { uri: `exec:cat >${devicesOf(machine)}` });
    await monitor.event("STOP");
    await until("the snapshot is written", async () => {
      const { status } = await monitor.execute<{ readonly status: string }>("query-migrate");
      if (status === "failed") throw new Error("QEMU could not write the snapshot");
      return status === "completed";
    });
  } finally {
    await endOf(qemu);
  }
}

/** The machine's memory is a file: written to by the guest that is saved, copied on write by those restored from it. */
function memoryOf({ place }: Machine, sharing: "shared" | "private"): string[] {
  const share = sharing === "shared" ? "on" : "off";
  const file = `memory-backend-file,id=memory,size=${memoryMib}M,mem-path=${join(place, "memory")},share=${share}`;
  return ["-m", `${memoryMib}`, "-object", file, "-machine", "memory-backend=memory"];
}

function devicesOf({ place }: Machine): string {
  return join(place, "devices");
}

async function leaveMemoryOut(monitor: Monitor): Promise<void> {
  await monitor.execute("migrate-set-capabilities", {
    capabilities: [{ capability: "x-ignore-shared", state: true }],
  });
}

function launch(machine: Machine, more: readonly string[]): readonly [Qemu, number] {
  const { guest, accelerator, port, meter } = machine;
  const devices = ["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-smp", "1"];
  const network = `user,id=network,restrict=on,hostfwd=tcp:127.0.0.1:${port}-:${guestPort}`;
  const args = [
    ["-machine", "microvm,isa-serial=on,rtc=on,pit=on,pic=on", "-accel", accelerator],
    ["-cpu", accelerator === "kvm" ? "host" : "max"],
    ["-kernel", guest.kernel, "-initrd", guest.initramfs, "-append", `${commandLine} ${clock[accelerator]}`],
    ["-netdev", network, "-device", "virtio-net-device,netdev=network"],
    devices,
    more,
  ].flat();
  return meter.within(() => {
    const startedAtMs = now();
    return [spawn("qemu-system-x86_64", args, { stdio: ["pipe", "pipe", "inherit"] }), startedAtMs] as const;
  });
}

async function endOf(qemu: Qemu): Promise<void> {
  if (qemu.exitCode !== null || qemu.signalCode !== null) return;
  const exited = once(qemu, "exit");
  qemu.kill("SIGKILL");
  await exited;
}
