// What a function did wrong, as its caller sees it on Lambda: an answer with status 200, the header `X-Amz-Function-Error`,
// and a document of three fields. Also the other way round: which of our errors are a function's.
// https://docs.aws.amazon.com/lambda/latest/dg/nodejs-exceptions.html

import { asTsfnError, type ErrorCode, type TsfnError } from "../../runtime/errors.ts";

export interface FunctionError {
  readonly errorType: string;
  readonly errorMessage: string;
  readonly trace?: readonly string[];
}

type Describe = (error: TsfnError, call: { readonly requestId: string; readonly timeoutMs: number }) => FunctionError;

const described: Partial<Readonly<Record<ErrorCode, Describe>>> = {
  FUNCTION_ERROR: ({ message, fields: { thrown } }) => ({
    errorType: thrown?.name ?? "Error",
    errorMessage: thrown?.message ?? message,
    ...(thrown !== undefined && { trace: thrown.stack.split("\n") }),
  }),
  FUNCTION_BAD_RESPONSE: ({ message }) => ({ errorType: "Runtime.InvalidResponse", errorMessage: message }),
  FUNCTION_CRASHED: ({ message }, { requestId }) => ({
    errorType: "Runtime.ExitError",
    errorMessage: `RequestId: ${requestId} Error: ${message}`,
  }),
  FUNCTION_OOM: (_error, { requestId }) => ({
    errorType: "Runtime.OutOfMemory",
    errorMessage: `RequestId: ${requestId} Error: Runtime exited with error: signal: killed`,
  }),
  FUNCTION_TIMEOUT: (_error, { requestId, timeoutMs }) => ({
    errorType: "Sandbox.Timedout",
    errorMessage: `RequestId: ${requestId} Error: Task timed out after ${(timeoutMs / 1_000).toFixed(2)} seconds`,
  }),
};

/** null for what is no fault of the function. */
export function functionErrorOf(
  thrown: unknown,
  call: { readonly requestId: string; readonly timeoutMs: number },
): FunctionError | null {
  const error = asTsfnError(thrown);
  return described[error.code]?.(error, call) ?? null;
}

/** An answer that is not streamed was longer than Lambda lets through. */
export function responseTooLarge(limitBytes: number): FunctionError {
  return {
    errorType: "Function.ResponseSizeTooLarge",
    errorMessage: `Response payload size exceeded maximum allowed payload size (${limitBytes} bytes).`,
  };
}
