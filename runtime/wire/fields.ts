// Reads the fields of one untrusted object by name, type and bound. Every message is taken apart with it, so that what
// goes on from the wire is a fresh object of exactly the declared shape.

import { ProtocolError } from "./frames.ts";

export class Fields {
  readonly #message: string;
  readonly #values: Readonly<Record<string, unknown>>;

  /** `message` names the kind of frame in errors. */
  constructor(message: string, value: unknown) {
    if (!isRecord(value)) throw new ProtocolError(`${message} is ${nameOf(value)}; wanted an object`);
    this.#message = message;
    this.#values = value;
  }

  string(name: string, maxLength: number): string {
    const value = this.#values[name];
    if (typeof value !== "string" || value.length > maxLength) {
      return this.#refuse(name, value, `a string of at most ${maxLength} characters`);
    }
    return value;
  }

  oneOf<Word extends string>(name: string, words: readonly Word[]): Word {
    const value = this.#values[name];
    const found = words.find((word) => word === value);
    return found ?? this.#refuse(name, value, words.join(" or "));
  }

  number(name: string, min: number, max: number): number {
    const value = this.#values[name];
    if (typeof value !== "number" || !(value >= min && value <= max)) {
      return this.#refuse(name, value, `a number from ${min} to ${max}`);
    }
    return value;
  }

  integer(name: string, min: number, max: number): number {
    const value = this.number(name, min, max);
    return Number.isInteger(value) ? value : this.#refuse(name, value, "a whole number");
  }

  boolean(name: string): boolean {
    const value = this.#values[name];
    return typeof value === "boolean" ? value : this.#refuse(name, value, "true or false");
  }

  strings(name: string, maxCount: number): string[] {
    const value = this.#values[name];
    if (!Array.isArray(value) || value.length > maxCount || !value.every((item) => typeof item === "string")) {
      return this.#refuse(name, value, `a list of at most ${maxCount} strings`);
    }
    return value;
  }

  stringRecord(name: string): Record<string, string> {
    const value = this.#values[name];
    if (!isRecord(value)) return this.#refuse(name, value, "an object of strings");
    const record: Record<string, string> = {};
    for (const [key, item] of Object.entries(value)) {
      if (typeof item !== "string") return this.#refuse(`${name}.${key}`, item, "a string");
      record[key] = item;
    }
    return record;
  }

  #refuse(name: string, found: unknown, wanted: string): never {
    throw new ProtocolError(`${this.#message}.${name} is ${nameOf(found)}; wanted ${wanted}`);
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !ArrayBuffer.isView(value);
}

function nameOf(value: unknown): string {
  if (typeof value === "string") return `a string of ${value.length} characters`;
  if (Array.isArray(value)) return `a list of ${value.length}`;
  return typeof value === "object" && value !== null ? "an object" : String(value);
}
