export type * from "./instance.ts";
export { type StartOptions, startInstance } from "./start-instance.ts";
