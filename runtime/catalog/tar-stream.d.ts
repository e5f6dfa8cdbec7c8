// The part of tar-stream that package.ts and unpack.ts use; the package brings no types of its own.

declare module "tar-stream" {
  import type { Readable, Writable } from "node:stream";

  export interface Header {
    readonly name: string;
    readonly size: number;
    readonly mode: number;
    readonly mtime?: Date;
    readonly type?: string;
    readonly linkname?: string | null;
  }

  export type Entry = Readable;

  export interface Pack extends Readable {
    entry(header: Header, content: string | Buffer, callback: (error?: Error | null) => void): Writable;
    entry(header: Header, callback: (error?: Error | null) => void): Writable;
    finalize(): void;
  }

  export interface Extract extends Writable {
    on(event: "entry", listener: (header: Header, entry: Entry, next: (error?: Error) => void) => void): this;
    on(event: string, listener: (...args: never[]) => void): this;
  }

  export function pack(): Pack;
  export function extract(): Extract;
}
