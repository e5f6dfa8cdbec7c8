// Objects of the guest's own that stand for one of Node's until somebody wants more of them than they know: they inherit from Node's
// prototype, whose properties then find for each what it stands for. light-request.ts and light-response.ts are such.

export interface Stand {
  /** What the object stands for, made at the first call; any other value comes back as it is. */
  readonly wholeOf: (value: unknown) => unknown;
  readonly isLight: (value: unknown) => boolean;
  /** Getters and methods that need nothing more than the light object itself. */
  readonly own: Readonly<Record<string, PropertyDescriptor>>;
}

/** Teaches each property of Node's prototype about them. */
export function teachPrototype(prototype: object, { wholeOf, isLight, own }: Stand): void {
  for (const key of Reflect.ownKeys(prototype)) {
    const native = Object.getOwnPropertyDescriptor(prototype, key);
    if (native === undefined || key === "constructor") continue;
    const light = typeof key === "string" ? own[key] : undefined;
    if (native.get !== undefined) {
      const { get } = native;
      const lightGet = light?.get ?? null;
      const getter = function (this: unknown): unknown {
        if (!isLight(this)) return Reflect.apply(get, this, []);
        return lightGet === null ? Reflect.apply(get, wholeOf(this), []) : lightGet.call(this);
      };
      Object.defineProperty(prototype, key, { ...native, get: named(getter, get.name) });
    } else if (typeof native.value === "function") {
      const method: (...args: unknown[]) => unknown = native.value;
      const lightMethod: typeof method | null = light?.value ?? null;
      const wrapper = function (this: unknown, ...args: unknown[]): unknown {
        if (!isLight(this)) return Reflect.apply(method, this, args);
        return Reflect.apply(lightMethod ?? method, lightMethod === null ? wholeOf(this) : this, args);
      };
      Object.defineProperty(prototype, key, { ...native, value: named(wrapper, method.name) });
    }
  }
}

/** Gives the light class's objects Node's prototype; what the class itself defines is for `own`, and is taken off. */
export function ownOf(light: { readonly prototype: object }, native: { readonly prototype: object }): Stand["own"] {
  const { constructor: _, ...own } = Object.getOwnPropertyDescriptors(light.prototype) as Record<
    string,
    PropertyDescriptor
  >;
  for (const key of Reflect.ownKeys(light.prototype)) Reflect.deleteProperty(light.prototype, key);
  Object.setPrototypeOf(light.prototype, native.prototype);
  return own;
}

/** Puts `replacement` in the global's place, with what Node's class has of its own: even its prototype, as of all of its objects. */
export function replaceClass(name: string, native: { readonly prototype: object }, replacement: object): void {
  Object.defineProperties(replacement, Object.getOwnPropertyDescriptors(native));
  Object.defineProperty(native.prototype, "constructor", { value: replacement, writable: true, configurable: true });
  Object.defineProperty(globalThis, name, { value: replacement, writable: true, configurable: true });
}

function named<Callee extends object>(callee: Callee, name: string): Callee {
  return Object.defineProperty(callee, "name", { value: name, configurable: true });
}
