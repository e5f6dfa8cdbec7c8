// Errors as Lambda's own API shapes them: a type in the header `x-amzn-errortype`, a message in JSON. What a function did
// wrong is no such error, it is an answer (function-error.ts).
// https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html#API_Invoke_Errors

import { asTsfnError, type ErrorCode, type TsfnError } from "../../runtime/errors.ts";

export class AwsError extends Error {
  readonly status: number;
  readonly type: string;
  readonly fields: Readonly<Record<string, string>>;
  readonly retryAfterS: number | undefined;

  constructor(
    status: number,
    type: string,
    message: string,
    options: ErrorOptions & { readonly fields?: AwsError["fields"]; readonly retryAfterS?: number | undefined } = {},
  ) {
    super(message, options);
    this.status = status;
    this.type = type;
    this.fields = options.fields ?? {};
    this.retryAfterS = options.retryAfterS;
  }
}

/** The status and type of each code that has one of its own; others go by their status. */
const types: Partial<Readonly<Record<ErrorCode, readonly [number, string]>>> = {
  FUNCTION_NOT_FOUND: [404, "ResourceNotFoundException"],
  VERSION_NOT_FOUND: [404, "ResourceNotFoundException"],
  CONCURRENCY_LIMIT: [429, "TooManyRequestsException"],
  BODY_TOO_LARGE: [413, "RequestTooLargeException"],
  REQUEST_MALFORMED: [400, "InvalidRequestContentException"],
  NO_CAPACITY: [503, "ServiceException"],
  SHUTTING_DOWN: [503, "ServiceException"],
  STARTUP_FAILED: [502, "ServiceException"],
};

export function asAwsError(thrown: unknown): AwsError {
  if (thrown instanceof AwsError) return thrown;
  const error = asTsfnError(thrown);
  const [status, type] = types[error.code] ?? [error.status, defaultType(error)];
  const message = error.code === "INTERNAL" ? "An unexpected error; the server's log has it" : messageOf(error);
  const { retryAfterS } = error.fields;
  const fields = status === 429 ? { Reason: "ReservedFunctionConcurrentInvocationLimitExceeded" } : {};
  return new AwsError(status, type, message, { cause: thrown, fields, retryAfterS });
}

export function awsErrorResponse(error: AwsError): Response {
  const { status, type, message, fields, retryAfterS = 1 } = error;
  const body = { Type: status < 500 ? "User" : "Service", Message: message, ...fields };
  const headers = new Headers({ "Content-Type": "application/json", "x-amzn-errortype": type });
  if (status === 429 || status === 503) headers.set("Retry-After", String(Math.max(1, Math.ceil(retryAfterS))));
  return new Response(JSON.stringify(body), { status, headers });
}

function defaultType({ status }: TsfnError): string {
  if (status >= 500) return "ServiceException";
  return status === 409 ? "ResourceConflictException" : "InvalidParameterValueException";
}

/** With every problem that was found, which other clients get in fields of their own. */
function messageOf({ message, fields: { problems = [] } }: TsfnError): string {
  return [message, ...problems.map((problem) => problem.message)].join("; ");
}
