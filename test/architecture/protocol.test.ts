// The protocol between tsfnd and the warden is written down twice, in C and in TypeScript; every constant has the same
// name and value on both sides. The warden's exit statuses mean what the catalogue's exit codes mean.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { catalogue } from "../../runtime/errors.ts";
import { proto } from "../../runtime/warden/protocol.ts";
import { root } from "./tree.ts";

const header = readFileSync(join(root, "native/proto.h"), "utf8");

/** `#define PREFIX_NAME` followed by a number, on this line or, continued, on the next. */
function definitions(prefix: string): Map<string, number> {
  const pattern = new RegExp(`^#define ${prefix}_(\\w+)\\s+(?:\\\\\\s+)?(\\d+)`, "gm");
  return new Map([...header.matchAll(pattern)].map(([, name = "", value]) => [name, Number(value)]));
}

test("every constant of proto.h has its twin in protocol.ts, and the other way round", (t) => {
  const inC = definitions("PROTO");
  t.true(inC.size > 20);
  t.deepEqual(new Map(Object.entries<number>(proto)), inC);
});

test("no constant of proto.h escapes the comparison", (t) => {
  const names = [...header.matchAll(/^#define PROTO_(\w+)/gm)].map(([, name = ""]) => name);
  t.deepEqual([...definitions("PROTO").keys()], names);
});

test("the warden exits with the codes of the catalogue", (t) => {
  t.deepEqual(Object.fromEntries(definitions("WARDEN_EXIT")), {
    USAGE: catalogue.USAGE.exitCode,
    NOT_ALLOWED: catalogue.NOT_ROOT.exitCode,
    IN_USE: catalogue.DATA_DIR_IN_USE.exitCode,
  });
});
