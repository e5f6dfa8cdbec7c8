// Front page of runtime/zygote: where forked processes come from.
export { noForker, type StartDescription, type VersionForker, ZygoteForker } from "./forker.ts";
export { Zygotes } from "./zygotes.ts";
