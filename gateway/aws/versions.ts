// Which version a qualifier means: `$LATEST` is the live one, a number one that was published, a name an alias.

import type { FunctionVersion } from "../../runtime/catalog/index.ts";
import type { Runtime } from "../../runtime/index.ts";
import { AwsError } from "./aws-error.ts";
import { arnOf, type FunctionReference, latest } from "./function-reference.ts";

/** @throws AwsError ResourceNotFoundException */
export function findVersion(
  runtime: Pick<Runtime, "current" | "version" | "aliases">,
  { name, qualifier }: FunctionReference,
): FunctionVersion {
  const current = runtime.current(name);
  if (current === undefined) throw notFound(arnOf(name));
  if (qualifier === latest) return current;
  const number = /^[1-9]\d{0,8}$/.test(qualifier) ? Number(qualifier) : runtime.aliases(name).get(qualifier)?.version;
  const version = number === undefined ? undefined : runtime.version(name, number);
  if (version === undefined) throw notFound(arnOf(name, qualifier));
  return version;
}

function notFound(arn: string): AwsError {
  return new AwsError(404, "ResourceNotFoundException", `Function not found: ${arn}`);
}
