// The front page of the catalog: what a function is before it runs. source → bundle → package on the side of the one who
// deploys; unpack → catalog on the side of the server.

export type { Alias } from "./alias.ts";
export type { BundleFile } from "./assets.ts";
export { type Bundle, type Bundler, bundleFunction, createBundler } from "./bundle.ts";
export { type Catalog, openCatalog } from "./catalog.ts";
export { parseManifest } from "./manifest.ts";
export { envNameProblem, manifestJsonSchema } from "./manifest-schema.ts";
export { checkName } from "./name.ts";
export { formatDestination } from "./network-schema.ts";
export { packFunction } from "./package.ts";
export { type FunctionSource, loadSource, type SourceOverrides } from "./source.ts";
export { type UnpackedPackage, unpackFunction } from "./unpack.ts";
export {
  type Destination,
  defaultNode,
  entryOf,
  type FunctionVersion,
  type Manifest,
  type ManifestLimits,
  type ManifestScaling,
  type Network,
  type NodeName,
  nodeOf,
  type Route,
} from "./version.ts";
export { packZip, type ZipSource } from "./zip.ts";
