// Imports the function's module and finds out how it wants to be called (handlers/).

import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { Init } from "../wire/index.ts";
import { chooseHandler, type Handler } from "./handlers/index.ts";

/** Where the function is, and what tsfn.json calls its shape. */
export type LoadOrder = Pick<Init, "entry" | "handler">;

/** @throws whatever the module throws, or an Error that says which export is wanted. */
export async function loadHandler({ entry, handler }: LoadOrder): Promise<Handler> {
  const module: unknown = await import(pathToFileURL(resolve(entry)).href);
  return chooseHandler(module, handler);
}
