// The shapes of the admin API's answers as the commands read them. The server's OpenAPI document is their source; what
// the runtime describes itself is taken from there.

import type {
  DeployResult,
  FunctionDescription,
  FunctionSummary,
  InstanceDescription,
  RollbackResult,
} from "../../runtime/index.ts";

export type { ServerInfo } from "../admin.ts";

/** `GET /v1/functions` */
export interface FunctionList {
  readonly functions: readonly ListedFunction[];
}

/** Where a function answers: under its name, and the URLs of its custom routes. */
interface Addresses {
  readonly url: string;
  readonly routes: readonly string[];
}

export type ListedFunction = FunctionSummary & Addresses;
/** `GET /v1/functions/{name}` */
export type InspectedFunction = FunctionDescription & Addresses;
/** `PUT /v1/functions/{name}` */
export type Deployed = DeployResult & Addresses;

/** `GET /v1/functions/{name}/versions` */
export interface FunctionVersions {
  readonly live: number;
  /** Oldest first. */
  readonly versions: FunctionDescription["versions"];
}

/** `POST /v1/functions/{name}/rollback` */
export type RolledBack = RollbackResult & Addresses;

/** `GET /v1/instances` */
export interface InstanceList {
  readonly instances: readonly InstanceDescription[];
}
