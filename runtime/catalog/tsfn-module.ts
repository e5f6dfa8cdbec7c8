// What `import … from "tsfn"` is inside a function's bundle: no package, but a few lines that speak to the guest the function
// runs in (runtime/guest/fork-hooks.ts). Its types are runtime/guest/public.ts.

import type { Plugin } from "esbuild";

/** Begins the paths of such modules in what esbuild tells of its inputs. */
export const virtualPrefix = "tsfn:";

// A process that is not forked has no such function, and nothing to be told.
const source = `export function onFork(hook) {
  globalThis[Symbol.for("tsfn.onFork")]?.(hook);
}
`;

export const resolveTsfn: Plugin = {
  name: "tsfn",
  setup(build) {
    build.onResolve({ filter: /^tsfn$/ }, () => ({ path: "tsfn", namespace: "tsfn" }));
    build.onLoad({ filter: /^tsfn$/, namespace: "tsfn" }, () => ({ contents: source, loader: "js" }));
  },
};
