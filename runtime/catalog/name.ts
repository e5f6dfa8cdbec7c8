// What a function may be called: a DNS label, because names become host names, directories and cgroups. The one place
// that decides; URLs, packages and manifests all ask here.

import { TsfnError } from "../errors.ts";

export const namePattern = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
export const wantedName = "a name of a-z, 0-9 and -, 1 to 63 characters, with no - at either end";

/** @throws TsfnError NAME_INVALID */
export function checkName(name: string, hint?: string): string {
  if (namePattern.test(name)) return name;
  throw new TsfnError("NAME_INVALID", `the function name is ${quote(name)}; wanted ${wantedName}`, {
    ...(hint !== undefined && { hint }),
  });
}

/** JSON quoting, so that no control character reaches a terminal, cut to what a line can show. */
export function quote(text: string): string {
  const shown = text.length > 40 ? `${text.slice(0, 40)}…` : text;
  return JSON.stringify(shown).replace(/[\u007f-\u009f\u2028\u2029]/g, escape16);
}

function escape16(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
