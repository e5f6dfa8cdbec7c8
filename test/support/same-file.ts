// Whether two processes hold the same open file: not two opened alike, but one description with one offset. Only the
// kernel knows (kcmp); Node has no call for it.

import koffi from "koffi";
import { entriesOf } from "./processes.ts";

const syscallNumbers = new Map([
  ["x64", 312],
  ["arm64", 272],
]);
const kcmpFile = 0;

/** Descriptors of `pid` that are open on something `other` holds too, as "3 is 17 of 4711". */
export function sharedDescriptors(pid: number, other: number): string[] {
  const kcmp = loadKcmp();
  return entriesOf(`/proc/${pid}/fd`).flatMap((fd) =>
    entriesOf(`/proc/${other}/fd`)
      .filter((otherFd) => kcmp(pid, other, Number(fd), Number(otherFd)) === 0)
      .map((otherFd) => `${fd} is ${otherFd} of ${other}`),
  );
}

type Kcmp = (pid: number, other: number, fd: number, otherFd: number) => number;

function loadKcmp(): Kcmp {
  const number = syscallNumbers.get(process.arch);
  if (number === undefined) throw new Error(`kcmp has no known number on ${process.arch}`);
  const syscall = koffi.load("libc.so.6").func("long syscall(long, long, long, long, long, long)");
  return (pid, other, fd, otherFd) => {
    const order = Number(syscall(number, pid, other, kcmpFile, fd, otherFd));
    // A descriptor closed meanwhile is nobody's; any other failure would make the test say nothing.
    const { EBADF, ESRCH } = koffi.os.errno;
    if (order < 0 && koffi.errno() !== EBADF && koffi.errno() !== ESRCH)
      throw new Error(`kcmp of ${pid} and ${other} failed with errno ${koffi.errno()}`);
    return order;
  };
}
