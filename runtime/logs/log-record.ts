// The shape of one log record and of what produces it. A function fills in only `msg`, `level` and `data`; everything
// that attributes a record is written by tsfnd, so that no function can forge a record of another.

export type LogLevel = "debug" | "info" | "warn" | "error";
export type LogStream = "stdout" | "stderr" | "platform";

/** What an instance's peer hands to the log store; `function`, `version`, `instance` come from tsfnd's own records. */
export interface LogLine {
  readonly function: string;
  readonly version: number;
  readonly instance: string;
  readonly requestId?: string;
  readonly stream: LogStream;
  readonly level: LogLevel;
  /** One line without its newline; control characters are kept here and escaped only for terminals. */
  readonly msg: string;
  /** A line that is itself a JSON object keeps its fields here. */
  readonly data?: Readonly<Record<string, unknown>>;
}

/** What is stored and printed as NDJSON. */
export interface LogRecord extends LogLine {
  /** ISO 8601 with milliseconds. */
  readonly ts: string;
  /** Increases by one per record of a function, so that a follower neither loses nor repeats one. */
  readonly seq: number;
}
