// The catalogue of every error tsfn shows to a client or a user: stable codes, HTTP statuses, exit codes and hints.
// docs/errors.md is checked against this file by test/architecture. How errors become HTTP is gateway/status.ts.

export interface CatalogueEntry {
  /** HTTP status of the problem document. 499 is never sent: it names a client that left. */
  readonly status: number;
  /** Exit code of the command line (docs/cli.md). */
  readonly exitCode: number;
  /** Whether the same request may succeed later without a change. */
  readonly retryable: boolean;
  /** One short sentence, the `title` of the problem document. */
  readonly title: string;
  /** What the reader should do next, unless the place that throws knows better. */
  readonly hint: string;
}

const entry = (status: number, exitCode: number, retryable: boolean, title: string, hint: string): CatalogueEntry => ({
  status,
  exitCode,
  retryable,
  title,
  hint,
});

export const catalogue = {
  // What the caller of a function sees.
  FUNCTION_NOT_FOUND: entry(404, 3, false, "No such function", "List the deployed functions with: tsfn list"),
  VERSION_NOT_FOUND: entry(404, 3, false, "No such version", "List a function's versions with: tsfn versions <name>"),
  ROUTE_NOT_FOUND: entry(404, 3, false, "No such route", "Functions answer under /function/<name>"),
  REQUEST_MALFORMED: entry(400, 2, false, "The request is malformed", "Send a well-formed HTTP/1.1 request"),
  REQUEST_TIMEOUT: entry(408, 7, true, "The request came too slowly", "Send the whole request head within 10 s"),
  METHOD_NOT_ALLOWED: entry(405, 2, false, "Method not allowed here", "CONNECT and TRACE are refused"),
  BODY_TOO_LARGE: entry(413, 2, false, "The request body is too large", "Send less, or raise limits.body in tsfn.json"),
  HEADERS_TOO_LARGE: entry(431, 2, false, "The request headers are too large", "Send fewer or shorter headers"),
  CONCURRENCY_LIMIT: entry(429, 1, true, "The waiting line is full", "Retry later, or raise scaling.max in tsfn.json"),
  CLIENT_CLOSED: entry(499, 1, true, "The client left before the answer", "Nothing was sent"),
  FUNCTION_ERROR: entry(500, 8, false, "The function threw an error", "The stack is in the logs: tsfn logs <name>"),
  FUNCTION_CRASHED: entry(502, 8, true, "The function's process ended", "See why in the logs: tsfn logs <name>"),
  FUNCTION_OOM: entry(502, 8, false, "The function ran out of memory", "Raise limits.memory in tsfn.json"),
  FUNCTION_BAD_RESPONSE: entry(502, 8, false, "The function's response is invalid", "Return a valid Response"),
  NO_CAPACITY: entry(503, 1, true, "No room for another instance", "Retry later, or raise --max-instances"),
  STARTUP_FAILED: entry(503, 1, true, "The function did not start", "See why in the logs: tsfn logs <name>"),
  SHUTTING_DOWN: entry(503, 1, true, "The server is shutting down", "Retry after it has restarted"),
  FUNCTION_TIMEOUT: entry(504, 7, true, "The function ran past its deadline", "Raise limits.timeout in tsfn.json"),
  INTERNAL: entry(500, 1, true, "tsfn itself failed", "Report it with the server's log"),

  // What the one who deploys sees.
  NAME_INVALID: entry(400, 2, false, "The function name is invalid", "Use a-z, 0-9 and -, at most 63 characters"),
  SOURCE_INVALID: entry(400, 2, false, "The directory cannot be deployed", "Name a directory that holds index.ts"),
  MANIFEST_INVALID: entry(400, 2, false, "tsfn.json is invalid", "Mend every problem listed and deploy again"),
  BUNDLE_FAILED: entry(400, 2, false, "The function could not be bundled", "Mend the source at the place shown"),
  PACKAGE_INVALID: entry(400, 2, false, "The uploaded package is invalid", "Upload what tsfn deploy builds"),
  LOAD_FAILED: entry(
    422,
    1,
    false,
    "The module failed while loading",
    "Mend the source and deploy again; what was live before still is",
  ),
  SECRET_NOT_FOUND: entry(404, 3, false, "No such secret", "Make it with: tsfn secret put <name>"),
  SECRET_INVALID: entry(400, 2, false, "The secret cannot be kept", "Give it a text of at most 32 KiB"),
  SECRET_IN_USE: entry(409, 6, false, "The secret is in use", "Deploy its functions without it, or remove them"),
  ROUTE_CONFLICT: entry(409, 6, false, "Another function has this route", "Change routes in tsfn.json"),
  DISK_FULL: entry(507, 1, true, "The disk is full", "Free some space under the data directory and try again"),

  // What the operator sees.
  USAGE: entry(400, 2, false, "The command line is wrong", "See tsfn --help"),
  NOT_ROOT: entry(403, 4, false, "Root is needed", "Run it with sudo"),
  TOKEN_REQUIRED: entry(401, 4, false, "The token is missing or wrong", "Pass it with --token or TSFN_TOKEN"),
  NOT_ALLOWED: entry(403, 4, false, "Not allowed", "Run it as a member of the socket's group, or with sudo"),
  KERNEL_UNSUPPORTED: entry(503, 1, false, "The kernel lacks something tsfn needs", "Run: tsfn doctor"),
  CONTEXT_EXISTS: entry(409, 6, false, "There is such a context already", "Choose another name, or remove it first"),
  OUTPUT_FAILED: entry(500, 1, true, "The output could not be written", "Write it to where there is room"),
  LISTEN_FAILED: entry(503, 6, false, "The address cannot be listened on", "Choose another with --listen"),
  DATA_DIR_IN_USE: entry(409, 6, false, "Another server uses this data directory", "Stop it, or choose --data-dir"),
  DATA_DIR_UNUSABLE: entry(503, 1, false, "The data directory cannot be used", "Choose another with --data-dir"),
  SERVER_RUNNING: entry(409, 6, false, "A server is already running", "Stop it with: tsfn server stop"),
  SERVER_FAILED: entry(
    503,
    1,
    false,
    "The server did not start",
    "See server.err and server.log in the data directory",
  ),
  NOT_BUILT: entry(503, 1, false, "tsfn is not built", "Run npm install in its directory"),
  RUNTIME_NOT_INSTALLED: entry(
    503,
    1,
    false,
    "The server has no such runtime",
    "Run npm install in tsfn's directory, with optional dependencies",
  ),
  SERVER_UNREACHABLE: entry(503, 5, true, "No server answers", "Start one with: sudo tsfn server start"),
  SANDBOX_FAILED: entry(503, 1, true, "A sandbox could not be made", "Run: tsfn doctor"),
  WARDEN_LOST: entry(503, 1, true, "The warden is gone", "Start the server again: tsfn server start"),
} as const satisfies Record<string, CatalogueEntry>;

export type ErrorCode = keyof typeof catalogue;

/** One mistake at one place of a user's file; all of them are reported at once. */
export interface Problem {
  readonly message: string;
  readonly file?: string;
  /** 1-based. */
  readonly line?: number;
  /** 1-based. */
  readonly column?: number;
  readonly hint?: string;
}

export interface ErrorFields {
  readonly function?: string;
  readonly version?: number;
  readonly requestId?: string;
  /** Replaces the catalogue's hint where the thrower knows better. */
  readonly hint?: string;
  /** Seconds for `Retry-After`. */
  readonly retryAfterS?: number;
  readonly problems?: readonly Problem[];
  /** What a function threw. In no problem document: only doors whose callers are trusted with it tell it. */
  readonly thrown?: ThrownError;
  readonly cause?: unknown;
}

export interface ThrownError {
  readonly name: string;
  readonly message: string;
  readonly stack: string;
}

/**
 * The only error class that crosses folders. `message` names the action, the value found and the value wanted; it is
 * shown to clients, so it holds nothing secret (a user's stack goes to `cause` and from there to the logs).
 */
export class TsfnError extends Error {
  readonly code: ErrorCode;
  readonly fields: ErrorFields;

  constructor(code: ErrorCode, message: string, fields: ErrorFields = {}) {
    super(message, fields.cause === undefined ? undefined : { cause: fields.cause });
    this.name = "TsfnError";
    this.code = code;
    this.fields = fields;
  }

  get status(): number {
    return catalogue[this.code].status;
  }

  get hint(): string {
    return hintOf(this.code, this.fields);
  }
}

function hintOf(code: ErrorCode, fields: ErrorFields): string {
  return (fields.hint ?? catalogue[code].hint).replace("<name>", fields.function ?? "<name>");
}

/** The RFC 9457 document of an error, also what `--json` prints on failure. */
export interface ProblemDocument {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: ErrorCode;
  readonly retryable: boolean;
  readonly hint: string;
  readonly requestId?: string;
  readonly function?: string;
  readonly version?: number;
  readonly problems?: readonly Problem[];
}

/** The `type` of a problem document of ours: a name, not an address. */
export function problemType(code: ErrorCode): string {
  return `urn:tsfn:error:${code}`;
}

/** @param fields more than the error's own, where its place knows more */
export function toProblem(error: TsfnError, fields: ErrorFields = error.fields): ProblemDocument {
  const { status, retryable, title } = catalogue[error.code];
  const { requestId, function: name, version, problems } = fields;
  return {
    type: problemType(error.code),
    title,
    status,
    detail: error.message,
    code: error.code,
    retryable,
    hint: hintOf(error.code, fields),
    ...(requestId !== undefined && { requestId }),
    ...(name !== undefined && { function: name }),
    ...(version !== undefined && { version }),
    ...(problems !== undefined && { problems }),
  };
}

/** Wraps whatever was thrown; a TsfnError passes through unchanged. */
export function asTsfnError(thrown: unknown): TsfnError {
  if (thrown instanceof TsfnError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  if (isErrno(thrown, "ENOSPC") || isErrno(thrown, "EDQUOT"))
    return new TsfnError("DISK_FULL", message, { cause: thrown });
  return new TsfnError("INTERNAL", message, { cause: thrown });
}

export function isErrno(thrown: unknown, code: string): boolean {
  return thrown instanceof Error && "code" in thrown && thrown.code === code;
}
