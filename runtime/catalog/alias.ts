// A name for one published version of a function, such as `live`: the AWS doors resolve it. Which names there may be.

import { TsfnError } from "../errors.ts";
import { quote } from "./name.ts";

export interface Alias {
  readonly function: string;
  readonly name: string;
  /** The number of a published version. */
  readonly version: number;
  readonly description: string;
}

const maxDescriptionBytes = 256;
const maxAliases = 1_000;

/** @throws TsfnError REQUEST_MALFORMED. A number would be a version. */
export function checkAlias({ name, description }: Alias, others: number): void {
  const refuse = (message: string): never => {
    throw new TsfnError("REQUEST_MALFORMED", message, { hint: "A-Z, a-z, 0-9, - and _, and not a number alone" });
  };
  if (!/^(?!\d+$)[A-Za-z0-9_-]{1,128}$/.test(name))
    refuse(`the alias is named ${quote(name)}; wanted 1 to 128 letters`);
  const bytes = Buffer.byteLength(description);
  if (bytes > maxDescriptionBytes)
    refuse(`the alias's description has ${bytes} bytes; wanted at most ${maxDescriptionBytes}`);
  if (others >= maxAliases) refuse(`the function has ${others} aliases; wanted at most ${maxAliases}`);
}
