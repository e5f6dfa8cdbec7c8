// Response, but one that remembers the text it was made of: an answer that is known whole needs no stream to be read and
// leaves in one frame. In all else it is Node's own class, because every one made by it is Node's own object.

const NativeResponse = globalThis.Response;
const NativeHeaders = globalThis.Headers;

class KnownResponse extends NativeResponse {
  #text: string | null;

  constructor(body?: ConstructorParameters<typeof NativeResponse>[0], init?: ResponseInit) {
    super(body, init);
    this.#text = typeof body === "string" ? body : null;
  }

  static override json(data: unknown, init?: ResponseInit): Response {
    const text: string | undefined = JSON.stringify(data);
    // Node's own word for what cannot be JSON.
    if (text === undefined) return NativeResponse.json(data, init);
    if (init?.headers === undefined) {
      const response = new KnownResponse(text, init);
      response.headers.set("content-type", "application/json");
      return response;
    }
    const headers = new NativeHeaders(init.headers);
    if (!headers.has("content-type")) headers.set("content-type", "application/json");
    const { status = 200, statusText = "" } = init;
    return new KnownResponse(text, { status, statusText, headers });
  }

  static textOf(value: object): string | null {
    return #text in value && Object.getPrototypeOf(value) === KnownResponse.prototype ? value.#text : null;
  }
}

const { textOf } = KnownResponse;
Reflect.deleteProperty(KnownResponse, "textOf");
Object.defineProperty(KnownResponse, "name", { value: "Response", configurable: true });
// What fetch() comes to is one, too; a class that extends this one is asked as any class is.
Object.defineProperty(KnownResponse, Symbol.hasInstance, {
  value(this: unknown, value: unknown): boolean {
    const asked = this === KnownResponse ? NativeResponse : this;
    return Reflect.apply(Function.prototype[Symbol.hasInstance], asked, [value]);
  },
});

/** Puts it in the global's place; before any code that makes one. */
export function installKnownResponse(): void {
  Object.defineProperty(globalThis, "Response", { value: KnownResponse, writable: true, configurable: true });
  Object.defineProperty(NativeResponse.prototype, "constructor", {
    value: KnownResponse,
    writable: true,
    configurable: true,
  });
}

/** The body of a response that nobody has read from, when it is a text; null when it is something else. */
export function knownTextOf(response: object): string | null {
  return textOf(response);
}
