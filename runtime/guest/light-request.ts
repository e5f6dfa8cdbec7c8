// The Request that a function is given: light, and no more than what came over the wire until somebody reads or copies it; then it becomes
// one of Node's own, which costs more than all else that the guest does for a call, most of it for its signal. Everything
// that a function can see is the same (test/guest/light-request.test.ts).

import { markAsUncloneable } from "node:worker_threads";
import { pairsOf } from "./handlers/index.ts";
import { ownOf, replaceClass, teachPrototype } from "./native-prototype.ts";

export interface RequestSource {
  readonly method: string;
  /** Absolute. */
  readonly url: string;
  /** Names, in lower case, and values alternating. */
  readonly headers: readonly string[];
  /** Asked for when somebody wants it. */
  readonly body: () => ReadableStream<Uint8Array> | null;
  readonly signal: () => AbortSignal;
}

// Taken before the function's code runs, which may put its own in place.
const NativeRequest = globalThis.Request;
const NativeHeaders = globalThis.Headers;
const nativeFetch = globalThis.fetch;
const NativeURL = globalThis.URL;

class LightRequest {
  readonly #source: RequestSource;
  #url: string | null = null;
  #headers: Headers | null = null;
  /** One of Node's own that has the body; without the signal, which belongs to copies. */
  #content: Request | null = null;

  constructor(source: RequestSource) {
    this.#source = source;
    markAsUncloneable(this);
  }

  static isLight(value: unknown): value is LightRequest {
    return typeof value === "object" && value !== null && #content in value;
  }

  static wholeOf(value: unknown): unknown {
    return LightRequest.isLight(value) ? value.#whole() : value;
  }

  /**
   * As what is made of it, or sent, needs it: signal and headers as they are now. It takes the body along, unless there is
   * another instead.
   */
  static handOver(value: unknown, init: unknown): unknown {
    if (!LightRequest.isLight(value)) return value;
    const isWithout = typeof init === "object" && init !== null && "body" in init && (init.body ?? null) !== null;
    return value.#copy(isWithout ? value.#withoutBody() : value.#whole());
  }

  get method(): string {
    return this.#source.method;
  }

  get url(): string {
    this.#url ??= new NativeURL(this.#source.url).href;
    return this.#url;
  }

  get headers(): Headers {
    return this.#ownHeaders();
  }

  /** Whatever the function has defined on the object. */
  #ownHeaders(): Headers {
    this.#headers ??= new NativeHeaders([...pairsOf(this.#source.headers)].map(([name, value]) => [name, value]));
    return this.#headers;
  }

  get signal(): AbortSignal {
    return this.#source.signal();
  }

  get bodyUsed(): boolean {
    return this.#content?.bodyUsed ?? false;
  }

  blob(): Promise<Blob> {
    return this.#wholeOfItsType().blob();
  }

  formData(): Promise<FormData> {
    return this.#wholeOfItsType().formData();
  }

  clone(): Request {
    return this.#copy(this.#whole().clone());
  }

  #copy(of: Request): Request {
    return new NativeRequest(of, { headers: this.#ownHeaders(), signal: this.#source.signal() });
  }

  #withoutBody(): Request {
    const { url, method } = this.#source;
    return new NativeRequest(url, { method });
  }

  /** The type says what comes out, and may have been changed since the content was made. */
  #wholeOfItsType(): Request {
    const whole = this.#whole();
    const type = this.#ownHeaders().get("content-type");
    if (type === null) whole.headers.delete("content-type");
    else whole.headers.set("content-type", type);
    return whole;
  }

  #whole(): Request {
    if (this.#content !== null) return this.#content;
    const { method, body } = this.#source;
    const init = { method, headers: this.#ownHeaders(), body: body(), duplex: "half" as const };
    this.#content = new NativeRequest(this.#source.url, init);
    return this.#content;
  }
}

const { isLight, wholeOf, handOver } = LightRequest;

export function lightRequest(source: RequestSource): Request {
  // It is one in all but the type checker's eyes.
  return new LightRequest(source) as object as Request;
}

/** Puts what understands light ones in the places of the globals; before any code that uses them. */
export function installLightRequest(): void {
  const own = ownOf(LightRequest, NativeRequest);
  teachPrototype(NativeRequest.prototype, { wholeOf, isLight, own });
  replaceClass("Request", NativeRequest, KnownRequest);
  async function fetch(input: unknown, init: RequestInit | undefined = undefined): Promise<Response> {
    return await nativeFetch(handOver(input, init) as Request, init);
  }
  Object.defineProperty(globalThis, "fetch", { value: fetch, writable: true, configurable: true, enumerable: true });
}

// V8 says this name in messages.
const KnownRequest = function Request(this: unknown, ...args: unknown[]): object {
  if (new.target === undefined) throw new TypeError("Class constructor Request cannot be invoked without 'new'");
  if (args.length > 0) args[0] = handOver(args[0], args[1]);
  return Reflect.construct(NativeRequest, args, new.target === KnownRequest ? NativeRequest : new.target);
};
