// The shapes of the admin API's answers as the commands read them. The server's OpenAPI document is their source; what
// the runtime describes itself is taken from there.

import type { DeployResult, FunctionDescription, FunctionSummary, InstanceDescription } from "../../runtime/index.ts";

export type { ServerInfo } from "../admin.ts";

export interface FunctionList {
  readonly functions: readonly ListedFunction[];
}

export type ListedFunction = FunctionSummary & { readonly url: string };
export type InspectedFunction = FunctionDescription & { readonly url: string };
export type Deployed = DeployResult & { readonly url: string };

export interface InstanceList {
  readonly instances: readonly InstanceDescription[];
}
