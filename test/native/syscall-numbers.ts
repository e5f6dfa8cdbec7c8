// The system calls' numbers, from the kernel headers that every C compiler brings: those of this machine's architecture,
// and the generic ones, which are aarch64's.

import { execFileSync } from "node:child_process";

export interface Architecture {
  /** As in native/filters/instance.<name>.bpf. */
  readonly name: "x86_64" | "aarch64";
  /** AUDIT_ARCH_* */
  readonly audit: number;
  /** Number to name. */
  readonly calls: ReadonlyMap<number, string>;
}

export const auditI386 = 0x4000_0003;
export const auditArm = 0x4000_0028;
export const x32Bit = 0x4000_0000;

/** What asm-generic/unistd.h leaves to each architecture, as arch/arm64/include/uapi/asm/unistd.h decides it. */
const arm64Choices = ["RENAMEAT", "NEW_STAT", "SET_GET_RLIMIT", "TIME32_SYSCALLS", "SYS_CLONE3", "MEMFD_SECRET"];

/** An x86 machine can judge both filters; an Arm machine has no x86 numbers. */
export function architectures(): Architecture[] {
  const choices = arm64Choices.map((choice) => `-D__ARCH_WANT_${choice}`);
  const arm = { name: "aarch64", audit: 0xc000_00b7, calls: read("asm-generic/unistd.h", choices) } as const;
  if (process.arch !== "x64") return [arm];
  return [{ name: "x86_64", audit: 0xc000_003e, calls: read("asm/unistd_64.h", []) }, arm];
}

export function ownArchitecture(): Architecture {
  const own = architectures()[0];
  if (own === undefined) throw new Error("no architecture is known");
  return own;
}

function read(header: string, defines: readonly string[]): Map<number, string> {
  const compiler = process.env.CC ?? "cc";
  const macros = execFileSync(compiler, ["-E", "-dM", ...defines, "-x", "c", "-"], {
    input: `#include <${header}>\n`,
    encoding: "utf8",
  });
  const values = new Map([...macros.matchAll(/^#define (__NR\w+) (\w+)$/gm)].map(([, name, value]) => [name, value]));
  const resolve = (value: string | undefined): number => {
    const aliased = values.get(value);
    return aliased === undefined ? Number(value) : resolve(aliased);
  };
  const calls = [...values]
    .filter(([name]) => name?.startsWith("__NR_") && name !== "__NR_syscalls" && name !== "__NR_arch_specific_syscall")
    .map(([name = "", value]): [number, string] => [resolve(value), name.slice("__NR_".length)]);
  return new Map(calls.filter(([number]) => Number.isInteger(number)));
}
