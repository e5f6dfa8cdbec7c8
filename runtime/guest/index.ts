export { buildGuest, type GuestPrograms } from "./build.ts";
export type { ExecutionContext, ExportedHandler, MethodHandler } from "./public.ts";
