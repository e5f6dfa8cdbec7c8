// Imports that esbuild would leave to the function's start, where Node refuses them: modules that Node has not, and URLs. Told at deploy they have a place.

import { builtinModules, isBuiltin } from "node:module";
import type { Plugin } from "esbuild";
import { nearest } from "./nearest.ts";
import type { NodeName } from "./version.ts";

/** Goes by the modules of the Node that builds; `node` is the one that its message names. */
export function refuseForeign(node: NodeName): Plugin {
  return {
    name: "foreign-modules",
    setup(build) {
      build.onResolve({ filter: /^(?:node:|https?:\/\/)/ }, ({ path, kind, importer }) => {
        // What is tried at run time, or by a package that knows why, may fail there.
        if (kind !== "import-statement" || importer.includes("/node_modules/") || isBuiltin(path)) return null;
        const text = `Could not resolve "${path}"`;
        return { errors: [{ text, notes: [{ text: path.startsWith("node:") ? otherModule(path, node) : noUrls }] }] };
      });
    },
  };
}

const noUrls = "Node imports nothing over the network; install it where the function is, with npm";

function otherModule(path: string, node: NodeName): string {
  const near = nearest(path.slice("node:".length), builtinModules);
  return near === undefined ? `Node ${node.slice("node".length)} has no such module` : `did you mean "node:${near}"?`;
}
