// Front page of runtime/sandbox: the contract, its implementation over the warden, and the sandboxes made ahead.
export { type FreshLayer, freshLayer } from "./fresh-layer.ts";
export { linuxSandboxes } from "./linux-sandbox.ts";
export { closeEnds } from "./process-ends.ts";
export type * from "./sandbox.ts";
export { createSandboxPool, type SandboxPool, type SandboxPoolOptions, type TakenSandbox } from "./sandbox-pool.ts";
