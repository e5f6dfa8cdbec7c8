// Imports that esbuild would leave to the function's start, where Node refuses them: modules that Node 26 has not, and URLs.
// Told at deploy they have a place.

import { builtinModules, isBuiltin } from "node:module";
import type { Plugin } from "esbuild";
import { nearest } from "./nearest.ts";

export const refuseForeign: Plugin = {
  name: "foreign-modules",
  setup(build) {
    build.onResolve({ filter: /^(?:node:|https?:\/\/)/ }, ({ path, kind, importer }) => {
      // What is tried at run time, or by a package that knows why, may fail there.
      if (kind !== "import-statement" || importer.includes("/node_modules/") || isBuiltin(path)) return null;
      const text = `Could not resolve "${path}"`;
      return { errors: [{ text, notes: [{ text: path.startsWith("node:") ? otherModule(path) : noUrls }] }] };
    });
  },
};

const noUrls = "Node imports nothing over the network; install it where the function is, with npm";

function otherModule(path: string): string {
  const near = nearest(path.slice("node:".length), builtinModules);
  return near === undefined ? "Node 26 has no such module" : `did you mean "node:${near}"?`;
}
