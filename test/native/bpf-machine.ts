// The machine that runs seccomp programs: classic BPF over struct seccomp_data (Linux, include/uapi/linux/seccomp.h and
// filter.h). Only what libseccomp emits is understood; anything else throws. seccomp.test.ts runs the filters on it.

export interface Call {
  readonly arch: number;
  readonly number: number;
  readonly args: readonly bigint[];
}

interface Instruction {
  readonly code: number;
  readonly ifTrue: number;
  readonly ifFalse: number;
  readonly operand: number;
}

export type Program = readonly Instruction[];

const load = 0x20;
const jump = 0x05;
const jumpIfEqual = 0x15;
const jumpIfGreater = 0x25;
const jumpIfGreaterOrEqual = 0x35;
const and = 0x54;
const answer = 0x06;

/** In struct seccomp_data: int nr, u32 arch, u64 instruction pointer, u64 args[6]. */
const argumentsOffset = 16;

/** @param bytes an array of struct sock_filter: u16 code, u8 jt, u8 jf, u32 k, little endian. */
export function decode(bytes: Buffer): Program {
  if (bytes.length === 0 || bytes.length % 8 !== 0) throw new Error(`a filter of ${bytes.length} bytes`);
  return Array.from({ length: bytes.length / 8 }, (_, index) => ({
    code: bytes.readUInt16LE(index * 8),
    ifTrue: bytes.readUInt8(index * 8 + 2),
    ifFalse: bytes.readUInt8(index * 8 + 3),
    operand: bytes.readUInt32LE(index * 8 + 4),
  }));
}

export interface Answer {
  /** What the kernel is told: a SECCOMP_RET_* value. */
  readonly value: number;
  readonly steps: number;
  /** The decision depended on the call's arguments, so the kernel cannot remember it. */
  readonly sawArguments: boolean;
}

export function run(program: Program, call: Call): Answer {
  const data = encode(call);
  let accumulator = 0;
  let at = 0;
  let sawArguments = false;
  // BPF jumps only forward, so a program ends within its length.
  for (let steps = 1; steps <= program.length; steps++) {
    const instruction = program[at];
    if (instruction === undefined) throw new Error(`the program runs past its end, to ${at}`);
    const { code, operand } = instruction;
    if (code === answer) return { value: operand, steps, sawArguments };
    if (code === load) {
      accumulator = data.readUInt32LE(operand);
      sawArguments ||= operand >= argumentsOffset;
    } else if (code === and) accumulator = (accumulator & operand) >>> 0;
    at += 1 + distance(instruction, accumulator);
  }
  throw new Error("the program goes round in circles");
}

function distance({ code, ifTrue, ifFalse, operand }: Instruction, accumulator: number): number {
  switch (code) {
    case load:
    case and:
      return 0;
    case jump:
      return operand;
    case jumpIfEqual:
      return accumulator === operand ? ifTrue : ifFalse;
    case jumpIfGreater:
      return accumulator > operand ? ifTrue : ifFalse;
    case jumpIfGreaterOrEqual:
      return accumulator >= operand ? ifTrue : ifFalse;
    default:
      throw new Error(`unknown instruction 0x${code.toString(16)}`);
  }
}

function encode({ arch, number, args }: Call): Buffer {
  const data = Buffer.alloc(argumentsOffset + 6 * 8);
  data.writeInt32LE(number | 0, 0);
  data.writeUInt32LE(arch, 4);
  args.forEach((value, index) => {
    data.writeBigUInt64LE(BigInt.asUintN(64, value), argumentsOffset + index * 8);
  });
  return data;
}
