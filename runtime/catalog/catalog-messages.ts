// What catalog.ts and its worker thread say to each other. Types only; a structured clone carries them.

import type { Alias } from "./alias.ts";
import type { FunctionVersion } from "./version.ts";

export interface CatalogOptions {
  /** Absolute; holds catalog.sqlite. */
  readonly dir: string;
  readonly durability: "sync" | "none";
}

export type CatalogRequest =
  /** → all rows */
  | { readonly verb: "open" }
  /** → the number reserved */
  | { readonly verb: "reserve"; readonly name: string }
  /** → its number */
  | { readonly verb: "publish"; readonly version: FunctionVersion }
  /** → its number */
  | { readonly verb: "activate"; readonly name: string; readonly number: number }
  /** → how many versions went */
  | { readonly verb: "remove"; readonly name: string }
  /** → 1 */
  | { readonly verb: "putAlias"; readonly alias: Alias }
  /** → how many went */
  | { readonly verb: "deleteAlias"; readonly function: string; readonly name: string }
  | { readonly verb: "close" };

export interface CatalogRows {
  readonly versions: readonly VersionRow[];
  readonly aliases: readonly Alias[];
}

export interface VersionRow {
  readonly version: FunctionVersion;
  readonly isCurrent: boolean;
}

export type CatalogReply = { readonly value: CatalogRows | number } | { readonly failure: CatalogFailure };

export interface CatalogFailure {
  readonly message: string;
  /** SQLite's extended result code; null when something else failed. */
  readonly sqliteCode: number | null;
  readonly whileOpening: boolean;
}
