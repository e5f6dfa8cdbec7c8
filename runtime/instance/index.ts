// Front page of runtime/instance: the contract, and the two recipes that start a process.
export { sandboxFor, type ZygoteKind, type ZygoteRole } from "./guest-program.ts";
export type * from "./instance.ts";
export { type StartOptions, startInstance } from "./start-instance.ts";
export {
  type BlankZygote,
  endBlankZygote,
  startBlankZygote,
  startZygote,
  type ZygoteOptions,
  type ZygoteProcess,
} from "./start-zygote.ts";
