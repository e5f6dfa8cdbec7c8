// `import { onFork } from "tsfn"`: code with state of its own, such as a generator with a seed, renews it in every clone.
// The bundler puts a module in the import's place that looks for the function kept here (runtime/catalog/tsfn-module.ts).

export type ForkHook = () => unknown;

const hooks: ForkHook[] = [];

/** Lets the module's code register hooks. A process that is not forked afterwards never calls them. */
export function offerForkHooks(): void {
  const onFork = (hook: unknown): void => {
    if (typeof hook !== "function") throw new TypeError(`onFork was given ${typeof hook}; wanted a function`);
    hooks.push(() => Reflect.apply(hook, undefined, []));
  };
  Object.defineProperty(globalThis, Symbol.for("tsfn.onFork"), { value: onFork });
}

/** Calls them in order, each once the one before is done; null when there are none. @throws what a hook throws */
export function runForkHooks(): Promise<void> | null {
  return hooks.length === 0 ? null : runAll(hooks.splice(0));
}

async function runAll(pending: readonly ForkHook[]): Promise<void> {
  for (const hook of pending) await hook();
}
