// What the checks share that compare values of tsfn.json with each other. Zod leaves such a check out as soon as anything
// beside it is wrong, but every problem of the file is to be told at once.

import type * as z from "zod";

type Payload = z.core.ParsePayload;

/** A parameter of superRefine: the check runs wherever the value itself is of the right kind, whatever is wrong inside. */
export const besideOtherProblems = {
  when: ({ issues }: Payload): boolean =>
    !issues.some(({ code, path = [] }) => code === "invalid_type" && path.length === 0),
};

/**
 * Whether the value at this place was refused by itself: then it is as it was written, of whatever type, and a second
 * problem of it would only hide the first.
 */
export function isRefused({ issues }: Pick<Payload, "issues">, ...place: readonly PropertyKey[]): boolean {
  return issues.some(({ path = [] }) => place.every((part, depth) => path[depth] === part));
}
