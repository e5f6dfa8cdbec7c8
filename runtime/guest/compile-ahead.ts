// V8 compiles a function when it is first called, which would be in every clone anew. A zygote has the whole of the module
// compiled before the first fork, without calling anything of it: V8's flag for that, on only while V8 reads that one file.
// Node's own modules bring compiled code that V8 takes only under the flags it was made with.

import { registerHooks } from "node:module";
import { setFlagsFromString } from "node:v8";

/** Most of a larger one is never called, and what is compiled takes memory. */
const mostSourceLength = 2 ** 20;

/** As `import(url)`. */
export async function importCompiled(url: string): Promise<unknown> {
  const hooks = registerHooks({
    load(loaded, context, next) {
      const result = next(loaded, context);
      if (loaded === url && lengthOf(result.source) <= mostSourceLength) setFlagsFromString("--no-lazy");
      return result;
    },
    // What it imports is asked for as soon as it is compiled.
    resolve(specifier, context, next) {
      setFlagsFromString("--lazy");
      return next(specifier, context);
    },
  });
  try {
    return await import(url);
  } finally {
    hooks.deregister();
    setFlagsFromString("--lazy");
  }
}

function lengthOf(source: string | ArrayBuffer | NodeJS.TypedArray | null | undefined): number {
  return typeof source === "string" ? source.length : (source?.byteLength ?? 0);
}
