// Front page of runtime/sandbox: the contract, and its implementation over the warden.
export { linuxSandboxes } from "./linux-sandbox.ts";
export type * from "./sandbox.ts";
