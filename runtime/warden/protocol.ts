// The constants and the bytes of the protocol between tsfnd and the warden; native/proto.h is the other half and says
// what each body holds. requests.ts has the verbs as functions.

export const proto = {
  CONTROL_FD: 3,
  LANE_FD: 4,

  PROBE: 1,
  SANDBOX_CREATE: 2,
  INSTANCE_START: 3,
  LIMITS_SET: 4,
  USAGE: 5,
  KILL: 6,
  DESTROY: 7,
  LIST: 8,
  INSTANCE_FORK: 9,
  LAYER_RESET: 10,
  WORKING_SET: 11,
  ZYGOTE_CLAIM: 12,
  NETWORK_OPEN: 13,

  SPANS: 11,
  SPAN_ASK: 0,
  SPAN_ROOT: 1,
  SPAN_TAKE: 2,
  SPAN_CGROUP: 3,
  SPAN_SETNS: 4,
  SPAN_FORK: 5,
  SPAN_PAGES: 6,
  SPAN_WAIT: 7,
  SPAN_PROC: 8,
  SPAN_LOCK: 9,
  SPAN_LOOP: 10,

  KIND_INSTANCE: 0,
  KIND_ZYGOTE: 1,

  EXITED: 64,
  COMPLETE: 65,

  STATE_EMPTY: 0,
  STATE_RUNNING: 1,
  STATE_EXITED: 2,
  STATE_DESTROYING: 3,
  STATE_MAKING: 4,

  MAX_MESSAGE: 65_536,
  MAX_ID: 64,
  MAX_LAYERS: 16,
  MAX_ARGS: 64,
  MAX_ENV: 256,
  MAX_SANDBOXES: 4_096,
  DIGEST_LENGTH: 64,
  UIDS: 4_096,
  FUNCTION_UID: 1_000,
} as const;

/** Bytes before the body: u32 length, u16 verb, u16 status, u32 request. */
export const headerBytes = 12;

export interface Message {
  readonly verb: number;
  /** 0 success, 1 failure. */
  readonly status: number;
  readonly request: number;
  readonly body: Reader;
}

/** Builds one message; `finish` fills in the length. @throws RangeError past MAX_MESSAGE. */
export class Writer {
  #bytes = Buffer.allocUnsafe(1_024);
  #used = headerBytes;

  u8(value: number): this {
    this.#bytes.writeUInt8(value, this.#room(1));
    return this;
  }

  u64(value: number): this {
    this.#bytes.writeBigUInt64LE(BigInt(value), this.#room(8));
    return this;
  }

  string(value: string): this {
    const length = Buffer.byteLength(value);
    if (length > 65_535) throw new RangeError(`a string has ${length} bytes; at most 65535 fit`);
    this.#bytes.writeUInt16LE(length, this.#room(2));
    const at = this.#room(length);
    this.#bytes.write(value, at, "utf8");
    return this;
  }

  list(values: readonly string[]): this {
    this.#bytes.writeUInt16LE(values.length, this.#room(2));
    for (const value of values) this.string(value);
    return this;
  }

  finish(verb: number, request: number): Buffer {
    if (this.#used - 4 > proto.MAX_MESSAGE) {
      throw new RangeError(`a request has ${this.#used - 4} bytes; at most ${proto.MAX_MESSAGE} fit`);
    }
    this.#bytes.writeUInt32LE(this.#used - 4, 0);
    this.#bytes.writeUInt16LE(verb, 4);
    this.#bytes.writeUInt16LE(0, 6);
    this.#bytes.writeUInt32LE(request, 8);
    return this.#bytes.subarray(0, this.#used);
  }

  /** Makes room for `count` more bytes and returns where they go. */
  #room(count: number): number {
    const at = this.#used;
    this.#used += count;
    if (this.#used > this.#bytes.length) {
      const grown = Buffer.allocUnsafe(this.#used * 2);
      this.#bytes.copy(grown, 0, 0, at);
      this.#bytes = grown;
    }
    return at;
  }
}

/** Reads one body from its start. @throws RangeError where it ends too soon: the two halves disagree. */
export class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  u8(): number {
    return this.#bytes.readUInt8(this.#advance(1));
  }

  u16(): number {
    return this.#bytes.readUInt16LE(this.#advance(2));
  }

  u32(): number {
    return this.#bytes.readUInt32LE(this.#advance(4));
  }

  u64(): number {
    return Number(this.#bytes.readBigUInt64LE(this.#advance(8)));
  }

  string(): string {
    const length = this.u16();
    const at = this.#advance(length);
    return this.#bytes.toString("utf8", at, at + length);
  }

  list<Item>(item: () => Item): Item[] {
    return Array.from({ length: this.u16() }, item);
  }

  #advance(count: number): number {
    const at = this.#at;
    this.#at += count;
    if (this.#at > this.#bytes.length)
      throw new RangeError(`a message of the warden ends after ${this.#bytes.length} bytes`);
    return at;
  }
}

/** Cuts a stream of bytes into messages; keeps what is incomplete. */
export class MessageDecoder {
  #rest: Buffer = Buffer.alloc(0);

  push(chunk: Buffer): Message[] {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const messages: Message[] = [];
    while (this.#rest.length >= headerBytes) {
      const end = 4 + this.#rest.readUInt32LE(0);
      if (this.#rest.length < end) break;
      messages.push({
        verb: this.#rest.readUInt16LE(4),
        status: this.#rest.readUInt16LE(6),
        request: this.#rest.readUInt32LE(8),
        body: new Reader(this.#rest.subarray(headerBytes, end)),
      });
      this.#rest = this.#rest.subarray(end);
    }
    return messages;
  }
}
