// Randomness that a fork does not copy. Node's cryptographic generator notices a fork by itself (OpenSSL compares the
// process id, and a clone is pid 1 where its zygote is not); V8's Math.random and Node's caches in front of the generator
// do not. reseed.ts calls this in every clone.

import crypto, { randomFillSync } from "node:crypto";
import vm, { type Context, type CreateContextOptions } from "node:vm";

/** Draws that empty Node's caches, whatever they hold: lib/internal/crypto/random.js, kBatchSize and randomCache. */
const uuidsPerCache = 128;
const integersPerCache = 1_024;

/** Puts fork-proof generators in place; before any code that may draw or keep one. Returns what a clone calls first. */
export function makeRandomnessForkable(): () => void {
  const renewMathRandom = replaceMathRandom();
  const drainCaches = watchCaches();
  return () => {
    renewMathRandom();
    drainCaches();
  };
}

/**
 * V8 seeds the generator of a context once and copies it with the heap, so that all clones would continue alike. This one
 * takes its numbers from the cryptographic generator, some at a time.
 */
function replaceMathRandom(): () => void {
  const words = new Uint32Array(512);
  let used = words.length;
  const random = () => {
    if (used === words.length) {
      randomFillSync(words);
      used = 0;
    }
    const high = (words[used] ?? 0) >>> 5;
    const low = (words[used + 1] ?? 0) >>> 6;
    used += 2;
    return (high * 2 ** 26 + low) / 2 ** 53;
  };
  Math.random = { random }.random;
  replaceInContexts(random);
  return () => {
    used = words.length;
  };
}

/** Contexts of node:vm have a Math of their own, seeded from a generator that the clones share too. */
function replaceInContexts(random: () => number): void {
  // A function of that context: one of this context would let its code reach out here.
  const install = new vm.Script("(random) => { Math.random = { random() { return random(); } }.random; }");
  const { createContext } = vm;
  const create = (object?: ContextObject, options?: CreateContextOptions): Context => {
    const context: Context = Reflect.apply(createContext, vm, [object, options]);
    install.runInContext(context)(random);
    return context;
  };
  vm.createContext = create;
  vm.runInNewContext = (code, object, options) => {
    return vm.runInContext(code, create(object, contextOptions(options)), options);
  };
  vm.Script.prototype.runInNewContext = function (object, options) {
    return this.runInContext(create(object, contextOptions(options)), options);
  };
}

/** Or vm.constants.DONT_CONTEXTIFY. */
type ContextObject = Parameters<typeof vm.createContext>[0] | Context;

function contextOptions(options: vm.RunningCodeInNewContextOptions | string | undefined): CreateContextOptions {
  if (options === undefined || typeof options === "string") return {};
  const { contextName: name, contextOrigin: origin, contextCodeGeneration: codeGeneration, microtaskMode } = options;
  return {
    ...(name !== undefined && { name }),
    ...(origin !== undefined && { origin }),
    ...(codeGeneration !== undefined && { codeGeneration }),
    ...(microtaskMode !== undefined && { microtaskMode }),
  };
}

/** Notes whether something was drawn through a cache; only then has a clone to empty its copy. */
function watchCaches(): () => void {
  const { randomUUID, randomInt } = crypto;
  const used = { uuids: false, integers: false };
  const watch = (owner: object, name: string, cache: keyof typeof used) => {
    const draw: unknown = Reflect.get(owner, name);
    if (typeof draw !== "function") return;
    const watched = function (this: unknown, ...args: unknown[]) {
      used[cache] = true;
      return Reflect.apply(draw, this, args);
    };
    Reflect.set(owner, name, Object.defineProperty(watched, "name", { value: name }));
  };
  watch(crypto, "randomInt", "integers");
  watch(crypto, "randomUUID", "uuids");
  watch(crypto, "randomUUIDv7", "uuids");
  watch(Object.getPrototypeOf(globalThis.crypto), "randomUUID", "uuids");
  return () => {
    for (let left = used.uuids ? uuidsPerCache : 0; left > 0; left -= 1) randomUUID();
    for (let left = used.integers ? integersPerCache : 0; left > 0; left -= 1) randomInt(2);
    used.uuids = false;
    used.integers = false;
  };
}
