// What `@google-cloud/functions-framework` is inside a function's bundle: the package itself, which the function's directory
// has, and a word to the guest about what is registered (runtime/guest/handlers/functions-framework.ts).

import type { Plugin } from "esbuild";

const framework = "@google-cloud/functions-framework";
/** Said by our own module, so that its imports find the package and not our module again. */
const itself = { isPackage: true };

const source = `import * as framework from "${framework}";
import { getTestServer } from "${framework}/testing";
export * from "${framework}";
const names = [];
globalThis[Symbol.for("tsfn.functionsFramework")]?.({ names, getTestServer });
function noting(register) {
  return (name, handler) => {
    register(name, handler);
    if (!names.includes(name)) names.push(name);
  };
}
export const http = noting(framework.http);
export const cloudEvent = noting(framework.cloudEvent);
`;

export const resolveFramework: Plugin = {
  name: "functions-framework",
  setup(build) {
    build.onResolve(
      { filter: /^@google-cloud\/functions-framework$/ },
      async ({ path, kind, importer, resolveDir, pluginData }) => {
        if (pluginData === itself || importer.includes(`/${framework}/`)) return null;
        const found = await build.resolve(path, { kind, importer, resolveDir, pluginData: itself });
        // Where it is missing, esbuild's own message says so.
        if (found.errors.length > 0) return { errors: found.errors };
        return { path: framework, namespace: "tsfn", pluginData: { resolveDir } };
      },
    );
    build.onLoad({ filter: /functions-framework/, namespace: "tsfn" }, ({ pluginData }) => ({
      contents: source,
      loader: "js",
      resolveDir: (pluginData as { resolveDir: string }).resolveDir,
      pluginData: itself,
    }));
  },
};
