// The two streams of a command: stdout carries data and nothing else, everything said to a person goes to stderr. With
// `--json` stdout carries one document, or one per line where a command streams.

export interface Output {
  readonly json: boolean;
  /** A line of data, for people; not printed with `--json`, where `document` is. */
  line(text: string): void;
  lines(texts: readonly string[]): void;
  /** Data as JSON; not printed without `--json`. Called once, or once per record of a stream. */
  document(value: unknown): void;
  /** Something a person may want to know, on stderr; scripts that ask for JSON do not. */
  note(text: string): void;
}

export function openOutput({ json }: { readonly json: boolean }): Output {
  const line = (text: string): void => {
    if (!json) process.stdout.write(`${text}\n`);
  };
  return {
    json,
    line,
    lines: (texts) => texts.forEach(line),
    document: (value) => {
      if (json) process.stdout.write(`${JSON.stringify(value)}\n`);
    },
    note: (text) => {
      if (!json) process.stderr.write(`${text}\n`);
    },
  };
}
