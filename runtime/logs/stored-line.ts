// One line of a log's files: a record as JSON. Its number and its moment are read from its beginning, so that whoever looks
// for a record parses only those that may be it.

import type { LogRecord } from "./log-record.ts";

export interface StoredLine {
  readonly seq: number;
  /** ISO 8601 with milliseconds. */
  readonly ts: string;
  /** The whole record, without its newline. */
  readonly text: string;
}

/** As the log writes it; `fields` is the rest of the record, a JSON object that is not empty. */
export function storedLine(ts: string, seq: number, fields: string): StoredLine {
  return { seq, ts, text: `{"ts":"${ts}","seq":${seq},${fields.slice(1)}` };
}

const beginning = /^\{"ts":"([^"]+)","seq":(\d+),/;

/** null: no record begins and ends there. One that was cut short behind a brace is found out by `recordOf`. */
export function parseStoredLine(text: string): StoredLine | null {
  const [, ts, seq] = text.endsWith("}") ? (beginning.exec(text) ?? []) : [];
  return ts === undefined ? null : { seq: Number(seq), ts, text };
}

/** The files are ours, so a line that parses is a record; null: it was cut short. */
export function recordOf({ text }: StoredLine): LogRecord | null {
  try {
    return JSON.parse(text) as LogRecord;
  } catch {
    return null;
  }
}
