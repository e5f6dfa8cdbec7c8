// Versions and aliases of Lambda's management API. Every deployment of tsfn is published already, so PublishVersion only
// tells the live one's number.

import { z } from "zod";
import type { Alias } from "../../runtime/catalog/index.ts";
import type { Runtime } from "../../runtime/index.ts";
import { AwsError } from "./aws-error.ts";
import { arnOf, latest } from "./function-reference.ts";
import { configurationOf, parse } from "./functions.ts";
import { findVersion } from "./versions.ts";

const versionNumber = z.string().regex(/^[1-9]\d{0,8}$/, "a published version's number");
const createRequest = z.looseObject({
  Name: z.string(),
  FunctionVersion: versionNumber.or(z.literal(latest)),
  Description: z.string().default(""),
});
const updateRequest = createRequest
  .omit({ Name: true, Description: true })
  .extend({ Description: z.string() })
  .partial();

export function publishVersion(runtime: Runtime, name: string): object {
  const version = findVersion(runtime, { name, qualifier: latest });
  return configurationOf(version, String(version.number));
}

export async function listVersions(runtime: Runtime, name: string): Promise<object> {
  const current = findVersion(runtime, { name, qualifier: latest });
  const { versions } = await runtime.inspect(name);
  const published = versions.map((version) => configurationOf(version, String(version.number)));
  return { Versions: [configurationOf(current, latest), ...published] };
}

export async function createAlias(runtime: Runtime, name: string, document: unknown): Promise<object> {
  const request = parse(createRequest, document);
  const version = findVersion(runtime, { name, qualifier: request.FunctionVersion });
  if (runtime.aliases(name).has(request.Name)) {
    throw new AwsError(409, "ResourceConflictException", `Alias already exists: ${arnOf(name, request.Name)}`);
  }
  const alias = { function: name, name: request.Name, version: version.number, description: request.Description };
  await runtime.putAlias(alias);
  return documentOf(alias);
}

export async function updateAlias(runtime: Runtime, name: string, alias: string, document: unknown): Promise<object> {
  const { FunctionVersion, Description } = parse(updateRequest, document);
  const known = found(runtime, name, alias);
  const version =
    FunctionVersion === undefined ? known.version : findVersion(runtime, { name, qualifier: FunctionVersion }).number;
  const next = { ...known, version, description: Description ?? known.description };
  await runtime.putAlias(next);
  return documentOf(next);
}

export async function deleteAlias(runtime: Runtime, name: string, alias: string): Promise<void> {
  findVersion(runtime, { name, qualifier: latest });
  await runtime.deleteAlias(name, alias);
}

export function getAlias(runtime: Runtime, name: string, alias: string): object {
  return documentOf(found(runtime, name, alias));
}

export function listAliases(runtime: Runtime, name: string): object {
  findVersion(runtime, { name, qualifier: latest });
  return { Aliases: [...runtime.aliases(name).values()].map(documentOf) };
}

function found(runtime: Runtime, name: string, alias: string): Alias {
  findVersion(runtime, { name, qualifier: latest });
  const known = runtime.aliases(name).get(alias);
  if (known !== undefined) return known;
  throw new AwsError(404, "ResourceNotFoundException", `Cannot find alias arn: ${arnOf(name, alias)}`);
}

function documentOf({ function: owner, name, version, description }: Alias): object {
  return {
    AliasArn: arnOf(owner, name),
    Name: name,
    FunctionVersion: String(version),
    Description: description,
    RevisionId: `${owner}-${name}-${version}`,
  };
}
