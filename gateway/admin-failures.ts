// How the admin API's routes fail, for its OpenAPI document: the catalogue of runtime/errors.ts tells the statuses and the
// examples, the routes only their codes.

import { catalogue, type ErrorCode, TsfnError, toProblem } from "../runtime/errors.ts";
import { problem } from "./admin-schemas.ts";

interface FailureResponse {
  readonly description: string;
  readonly content: {
    readonly "application/problem+json": {
      readonly schema: typeof problem;
      readonly examples?: Readonly<Record<string, { readonly value: unknown }>>;
    };
  };
}

/** What no route says of itself: any of them may meet it. */
const anyFailure: FailureResponse = {
  description: "Any other failure",
  content: { "application/problem+json": { schema: problem } },
};

/**
 * The responses of a route that fails in these ways, by status. Every route wants the token over TCP. Typed as the one that
 * stands for all, because no handler returns a failure: they are thrown.
 */
export function failures(...codes: readonly ErrorCode[]): { readonly default: FailureResponse } {
  const byStatus = Map.groupBy<number, ErrorCode>(["TOKEN_REQUIRED", ...codes], (code) => catalogue[code].status);
  const responses = [...byStatus].map(([status, group]) => [status, responseOf(group)] as const);
  return { ...Object.fromEntries(responses), default: anyFailure };
}

function responseOf(codes: readonly ErrorCode[]): FailureResponse {
  const examples = codes.map(
    (code) => [code, { value: toProblem(new TsfnError(code, catalogue[code].title)) }] as const,
  );
  return {
    description: codes.map((code) => catalogue[code].title).join(", or: "),
    content: { "application/problem+json": { schema: problem, examples: Object.fromEntries(examples) } },
  };
}
