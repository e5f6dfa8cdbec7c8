// Text into lines, for what a function prints: pieces arrive cut anywhere, and a line without an end must not grow
// without bound.

import { StringDecoder } from "node:string_decoder";

/** A longer line is continued in the next. */
export const maxLineLength = 65_536;

/** Gathers the lines of one stream of output. */
export class LineSplitter {
  readonly #onLine: (line: string) => void;
  /** null until bytes come: most streams of output stay silent, and most pieces are text. */
  #decoder: StringDecoder | null = null;
  #partial = "";
  #isCut = false;

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  push(piece: string | Buffer): void {
    const text = typeof piece === "string" ? piece : this.#decode(piece);
    let start = this.#isCut ? text.indexOf("\n") + 1 : 0;
    if (this.#isCut && start === 0) return;
    this.#isCut = false;
    for (let end = text.indexOf("\n", start); end !== -1; end = text.indexOf("\n", start)) {
      this.#line(this.#partial + text.slice(start, end));
      this.#partial = "";
      start = end + 1;
    }
    this.#partial += text.slice(start);
    while (this.#partial.length >= 2 * maxLineLength) {
      this.#onLine(this.#partial.slice(0, maxLineLength));
      this.#partial = this.#partial.slice(maxLineLength);
    }
  }

  /** What comes next was left out: what there is of a line is a line, and the rest of it is not waited for. */
  cut(): void {
    this.end();
    this.#isCut = true;
  }

  /** Nothing follows: what there is of a line is a line. */
  end(): void {
    const rest = this.#partial + (this.#decoder?.end() ?? "");
    this.#partial = "";
    if (rest !== "") this.#line(rest);
  }

  #decode(piece: Buffer): string {
    this.#decoder ??= new StringDecoder("utf8");
    return this.#decoder.write(piece);
  }

  #line(line: string): void {
    const text = line.endsWith("\r") ? line.slice(0, -1) : line;
    for (let at = 0; at === 0 || at < text.length; at += maxLineLength) {
      this.#onLine(text.slice(at, at + maxLineLength));
    }
  }
}
