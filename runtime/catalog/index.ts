export type { FunctionVersion, Manifest, ManifestLimits, ManifestScaling } from "./version.ts";
