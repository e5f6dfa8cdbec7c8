// How AWS clients name a function: a name, `name:qualifier`, a partial or a whole ARN, with the qualifier in the name or in
// the query. The other way round, the ARNs that tsfn shows.

import { shown } from "../routes.ts";
import { AwsError } from "./aws-error.ts";

export interface FunctionReference {
  /** Not known to exist. */
  readonly name: string;
  /** A version's number, an alias, or `$LATEST`, the live version, which is also what no qualifier means. */
  readonly qualifier: string;
}

export const latest = "$LATEST";

/** tsfn has no accounts and no regions; clients want both in an ARN. */
const region = "us-east-1";
const account = "000000000000";

const reference =
  /^(?:arn:aws[a-z-]*:lambda:[a-z0-9-]+:)?(?:\d{12}:)?(?:function:)?([a-zA-Z0-9_-]{1,140})(?::(\$LATEST|[a-zA-Z0-9_-]{1,128}))?$/;

/** @throws AwsError */
export function parseReference(text: string, queried: string | undefined): FunctionReference {
  const match = reference.exec(text);
  if (match?.[1] === undefined) {
    throw invalid(`The function name is ${shown(text)}; wanted a name, name:qualifier or an ARN`);
  }
  const [, name, named] = match;
  if (named !== undefined && queried !== undefined && named !== queried) {
    throw invalid(`The qualifier in the name is ${shown(named)} and the one in the query ${shown(queried)}`);
  }
  const qualifier = named ?? queried ?? latest;
  if (!/^(?:\$LATEST|[a-zA-Z0-9_-]{1,128})$/.test(qualifier)) {
    throw invalid(`The qualifier is ${shown(qualifier)}; wanted a version, an alias or ${latest}`);
  }
  return { name, qualifier };
}

export function arnOf(name: string, qualifier?: string | number): string {
  const arn = `arn:aws:lambda:${region}:${account}:function:${name}`;
  return qualifier === undefined ? arn : `${arn}:${qualifier}`;
}

function invalid(message: string): AwsError {
  return new AwsError(400, "ValidationException", message);
}
