// One log record as a line for people: `time level stream message`, with colour on a terminal. What the function wrote
// is made harmless: it cannot move the cursor, nor fake a second line.

import type { LogRecord } from "../../runtime/logs/index.ts";
import { formatMs, neutralise, type Style, styled } from "./terminal.ts";

const levelStyles: Readonly<Record<LogRecord["level"], Style>> = {
  debug: "dim",
  info: "green",
  warn: "yellow",
  error: "red",
};

/** @throws SyntaxError when the server sent something else than its records. */
export function parseRecord(line: string): LogRecord {
  return JSON.parse(line) as LogRecord;
}

export function formatRecord(record: LogRecord, stream: NodeJS.WriteStream): string {
  const level = styled(levelStyles[record.level] ?? "dim", record.level.padEnd(5), stream);
  return `${styled("dim", record.ts, stream)} ${level} ${record.stream.padEnd(8)} ${message(record)}`;
}

/** Shorter, for a terminal that shows several functions as they run: `hello@2 │ message`. */
export function formatLiveRecord(record: LogRecord, stream: NodeJS.WriteStream): string {
  const name = styled("cyan", `${record.function}@${record.version}`, stream);
  if (record.msg === "platform.invokeReport") return `${name} ${styled("dim", "│", stream)} ${report(record, stream)}`;
  const text = message(record);
  return `${name} ${styled("dim", "│", stream)} ${record.level === "error" ? styled("red", text, stream) : text}`;
}

/** One line for an invocation that ended. */
function report({ data = {} }: LogRecord, stream: NodeJS.WriteStream): string {
  const { outcome, durationMs, cold } = data;
  const told = `${neutralise(String(outcome))} in ${formatMs(Number(durationMs))}${cold === true ? ", cold" : ""}`;
  return styled(outcome === "ok" ? "dim" : "red", told, stream);
}

function message({ msg, data, stream }: LogRecord): string {
  const text = neutralise(msg).replaceAll("\n", "\\n");
  if (data === undefined) return text;
  const details = Object.entries(data)
    .filter(([name]) => name !== "msg" && name !== "message")
    .map(([name, value]) => `${name}=${typeof value === "string" ? value : detail(name, value)}`)
    .join(" ");
  const told = neutralise(details).replaceAll("\n", stream === "platform" ? "\n  " : "\\n");
  return text === "" ? told : `${text} ${told}`;
}

function detail(name: string, value: unknown): string {
  return typeof value === "number" && name.endsWith("Ms") ? formatMs(value) : JSON.stringify(value);
}
