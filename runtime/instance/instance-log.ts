// The log lines of one instance. Whose they are is written here, from tsfnd's own records, never from what came over
// the wire.

import type { FunctionVersion } from "../catalog/index.ts";
import type { LogLevel, LogLine, LogStream } from "../logs/index.ts";
import { LineSplitter, maxLineLength } from "../wire/index.ts";

export class InstanceLog {
  readonly #subject: Pick<LogLine, "function" | "version" | "instance">;
  readonly #sink: (line: LogLine) => void;
  #lastError = "";

  constructor(version: Pick<FunctionVersion, "function" | "number">, instance: string, sink: (line: LogLine) => void) {
    this.#subject = { function: version.function, version: version.number, instance };
    this.#sink = sink;
  }

  /** The beginning of the last line on stderr that says something; empty when there was none. */
  get lastError(): string {
    return this.#lastError;
  }

  /** `text` may hold several lines. `requestId` is undefined for what belongs to no invocation. */
  write(stream: LogStream, level: LogLevel, text: string, requestId: string | undefined): void {
    if (text.length <= maxLineLength && !text.includes("\n")) {
      this.writeLine(stream, level, text, requestId);
      return;
    }
    const lines = new LineSplitter((line) => this.writeLine(stream, level, line, requestId));
    lines.push(text);
    lines.end();
  }

  /** One line without its end. */
  writeLine(stream: LogStream, level: LogLevel, msg: string, requestId: string | undefined): void {
    if (stream === "stderr" && msg.trim() !== "") this.#lastError = msg.slice(0, 200);
    this.#sink({ ...this.#subject, ...(requestId !== undefined && { requestId }), stream, level, msg });
  }

  /** Lines of the process were left out before they came here. */
  dropped(count: number, bytes: number): void {
    const data = { count, bytes };
    this.#sink({ ...this.#subject, stream: "platform", level: "warn", msg: "platform.logsDropped", data });
  }
}
