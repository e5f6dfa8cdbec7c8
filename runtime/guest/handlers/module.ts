// Looks at what a module exports. Its objects are a stranger's: a getter may throw, which is told as any error of loading.

/** The module was evaluated, but it has nothing that can be called in the way that was asked for. */
export class LoadError extends Error {
  override readonly name = "LoadError";
}

export type Callee = (...args: unknown[]) => unknown;

/** undefined where there is no such property, or nothing that could have one. */
export function property(value: unknown, name: string): unknown {
  if ((typeof value !== "object" && typeof value !== "function") || value === null) return undefined;
  return Reflect.get(value, name);
}

/** The function of that name, to be called on the object that has it; null where there is none. */
export function calleeAt(value: unknown, name: string): Callee | null {
  const found = property(value, name);
  return typeof found === "function" ? (...args) => Reflect.apply(found, value, args) : null;
}

/** `a, b, c`: what a module exports, for a message. */
export function exportNames(module: unknown): string {
  const names = typeof module === "object" && module !== null ? Object.keys(module) : [];
  return names.length === 0 ? "nothing" : names.slice(0, 20).join(", ");
}

/** `a number`, `an object`, `null`: for a message. */
export function kindOf(value: unknown): string {
  if (value === null) return "null";
  const kind = typeof value;
  return `${/^[aeiou]/.test(kind) ? "an" : "a"} ${kind}`;
}
