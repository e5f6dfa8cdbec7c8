// Response as most functions use it: made of a text and returned. Such a one is light, and no more than its text, status and headers
// until somebody reads or copies it; then it becomes one of Node's own. One of Node's costs more than all else that the guest
// does for a call. Everything that a function can see is the same (test/guest/light-response.test.ts).

import { markAsUncloneable } from "node:worker_threads";
import { ownOf, replaceClass, teachPrototype } from "./native-prototype.ts";

type Body = ConstructorParameters<typeof Response>[0];

export interface LightAnswer {
  readonly status: number;
  /** Names, in lower case, and values alternating. */
  readonly headers: readonly string[];
  /** null: there is no body. */
  readonly text: string | null;
}

// Taken before the function's code runs, which may put its own in place.
const NativeResponse = globalThis.Response;
const NativeHeaders = globalThis.Headers;

const textType = "text/plain;charset=UTF-8";
const jsonType = "application/json";

class LightResponse {
  readonly #text: string | null;
  readonly #status: number;
  /** Node's own were asked for, or more than a type is in them; null: the type alone, and that only with a text. */
  readonly #headers: Headers | null;
  readonly #type: string;
  #whole: Response | null = null;

  constructor(text: string | null, status: number, headers: Headers | null, type: string) {
    this.#text = text;
    this.#status = status;
    this.#headers = headers;
    this.#type = type;
    markAsUncloneable(this);
  }

  static isLight(value: unknown): value is LightResponse {
    return typeof value === "object" && value !== null && #whole in value;
  }

  static wholeOf(value: unknown): unknown {
    return LightResponse.isLight(value) ? value.#make() : value;
  }

  /** null when somebody may have read or changed it. */
  static answerOf(value: unknown): LightAnswer | null {
    if (!LightResponse.isLight(value) || value.#whole !== null) return null;
    return { status: value.#status, headers: value.#flatHeaders(), text: value.#text };
  }

  get status(): number {
    return this.#status;
  }

  get ok(): boolean {
    return this.#status < 300;
  }

  get bodyUsed(): boolean {
    return this.#whole?.bodyUsed ?? false;
  }

  #make(): Response {
    const headers = this.#headers ?? (this.#text === null ? [] : [["content-type", this.#type] as [string, string]]);
    this.#whole ??= new NativeResponse(this.#text, { status: this.#status, headers });
    return this.#whole;
  }

  #flatHeaders(): string[] {
    if (this.#headers === null) return this.#text === null ? [] : ["content-type", this.#type];
    const flat: string[] = [];
    for (const [name, value] of this.#headers) flat.push(name, value);
    return flat;
  }
}

const { isLight, wholeOf, answerOf } = LightResponse;

/** null for what only Node's own can be, or can refuse. */
function light(body: Body, init: ResponseInit | undefined, type: string): LightResponse | null {
  if (typeof body !== "string" && body !== null && body !== undefined) return null;
  if (init === undefined) return new LightResponse(body ?? null, 200, null, type);
  if (typeof init !== "object" || init === null) return null;
  const { headers, status = 200, statusText = "" } = init;
  if (!Number.isInteger(status) || status < 200 || status > 599 || statusText !== "") return null;
  if (typeof body === "string" && (status === 204 || status === 205 || status === 304)) return null;
  if (headers === undefined) return new LightResponse(body ?? null, status, null, type);
  const own = headersOf(headers);
  if (own === null) return null;
  if (typeof body === "string" && !own.has("content-type")) own.append("content-type", type);
  return new LightResponse(body ?? null, status, own, type);
}

function headersOf(init: NonNullable<ResponseInit["headers"]>): Headers | null {
  try {
    return new NativeHeaders(init);
  } catch {
    // Response says it in its own words.
    return null;
  }
}

/** Puts it in the global's place; before any code that makes one. */
export function installLightResponse(): void {
  const own = ownOf(LightResponse, NativeResponse);
  teachPrototype(NativeResponse.prototype, { wholeOf, isLight, own });
  replaceClass("Response", NativeResponse, KnownResponse);
  Object.defineProperty(KnownResponse, "json", { value: json, writable: true, configurable: true, enumerable: true });
  Object.defineProperty(json, "length", { value: 1, configurable: true });
}

/** What the function returned, if it is still as light as it was made; null for everything else. */
export function lightAnswerOf(value: unknown): LightAnswer | null {
  return answerOf(value);
}

// V8 says this name in messages.
const KnownResponse = function Response(this: unknown, ...args: [Body?, ResponseInit?]): object {
  if (new.target === undefined) throw new TypeError("Class constructor Response cannot be invoked without 'new'");
  const isOwn = new.target === KnownResponse;
  const made = isOwn ? light(args[0], args[1], textType) : null;
  return made ?? Reflect.construct(NativeResponse, args, isOwn ? NativeResponse : new.target);
};

function json(...args: [unknown, ResponseInit?]): Response {
  const [data, init] = args;
  const text: string | undefined = JSON.stringify(data);
  const made = text === undefined ? null : light(text, init, jsonType);
  // It is one in all but the type checker's eyes.
  return made === null ? NativeResponse.json(...args) : (made as object as Response);
}
