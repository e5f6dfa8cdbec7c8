// The log lines of one instance. Whose they are is written here, from tsfnd's own records, never from what came over
// the wire.

import type { FunctionVersion } from "../catalog/index.ts";
import type { LogLevel, LogLine, LogStream } from "../logs/index.ts";
import { LineSplitter } from "../wire/index.ts";

export class InstanceLog {
  readonly #version: FunctionVersion;
  readonly #instance: string;
  readonly #sink: (line: LogLine) => void;

  constructor(version: FunctionVersion, instance: string, sink: (line: LogLine) => void) {
    this.#version = version;
    this.#instance = instance;
    this.#sink = sink;
  }

  /** `text` may hold several lines. `requestId` is undefined for what belongs to no invocation. */
  write(stream: LogStream, level: LogLevel, text: string, requestId: string | undefined): void {
    const lines = new LineSplitter((msg) => {
      const data = stream === "platform" ? undefined : objectIn(msg);
      this.#sink({
        function: this.#version.function,
        version: this.#version.number,
        instance: this.#instance,
        ...(requestId !== undefined && { requestId }),
        stream,
        level,
        msg,
        ...(data !== undefined && { data }),
      });
    });
    lines.push(text === "" ? "\n" : text);
    lines.end();
  }
}

/** The fields of a line that is itself a JSON object. */
function objectIn(line: string): Record<string, unknown> | undefined {
  if (!line.startsWith("{") || !line.endsWith("}")) return undefined;
  try {
    return JSON.parse(line);
  } catch {
    return undefined; // It only looked like one: the line is text.
  }
}
