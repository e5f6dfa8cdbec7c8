// Problems of tsfn.json that lie in how its values go together: told beside whatever else is wrong, and never in the place
// of what is wrong with one of them.

import test from "ava";
import fc from "fast-check";
import { parseManifest } from "../../runtime/catalog/index.ts";
import { TsfnError } from "../../runtime/errors.ts";

const wantedName = "a name of a-z, 0-9 and -, 1 to 63 characters, with no - at either end";
const wantedVariable =
  "letters, digits and _, not starting with a digit, at most 128 characters, and none that tsfn sets";

const mistakes: readonly (readonly [string, ...string[]])[] = [
  [
    '{ "scaling": { "min": 5, "max": 2, "idleTimeout": "never" } }',
    "1:23 scaling.min is 5; wanted at most scaling.max, which is 2",
    '1:51 scaling.idleTimeout is "never"; wanted a duration from 10ms to 24h, such as "30s"',
  ],
  ['{ "scaling": { "min": 5, "max": "2" } }', '1:33 scaling.max is "2"; wanted a whole number from 1 to 10000'],
  ['{ "scaling": { "min": 1.5, "max": 1 } }', "1:23 scaling.min is 1.5; wanted a whole number from 0 to 10000"],
  ['{ "scaling": [5, 2] }', '1:14 scaling is an array; wanted an object: { "min": 0, "max": 200 }'],
  [
    '{ "name": "A", "reuse": "never", "concurrency": 2 }',
    `1:11 name is "A"; wanted ${wantedName}`,
    '1:49 concurrency is 2; wanted 1, because "reuse" is "never"',
  ],
  [
    '{ "handler": "node", "runtime": "provided", "quux": 1 }',
    '1:14 handler is "node"; wanted "auto", because "runtime" is "provided"',
    '1:45 "quux" is not a key of tsfn.json',
  ],
  [
    '{ "env": { "A": 1, "B": "" }, "secrets": ["B", "1C", "1C", 7, "D", "D"] }',
    "1:17 env.A is 1; wanted a string in double quotes",
    '1:43 secrets.0 is "B"; wanted a name that env does not set',
    `1:48 secrets.1 is "1C"; wanted ${wantedVariable}`,
    `1:54 secrets.2 is "1C"; wanted ${wantedVariable}`,
    `1:60 secrets.3 is 7; wanted ${wantedVariable}`,
    '1:68 secrets.5 is "D"; wanted each name once',
  ],
  [
    '{ "routes": ["/a", "b", "/a", 1] }',
    '1:20 routes.1 is "b"; wanted a path such as "/hello" or "/hello/*": ASCII that needs no encoding, and * only after the last /',
    '1:25 routes.2 is "/a"; wanted each route once',
    '1:31 routes.3 is 1; wanted a path such as "/hello/*", or an object: { "host": "hello.example.com" }',
  ],
  [
    '{ "network": ["a.example:1", "b", "a.example:1"] }',
    '1:30 network.1 is "b"; wanted a port from 1 to 65535 after the host, such as "api.example.com:443"',
    '1:35 network.2 is "a.example:1"; wanted each destination once',
  ],
];

for (const [text, ...told] of mistakes) {
  test(`every problem of ${JSON.stringify(text)} is told`, (t) => {
    const error = t.throws(() => parseManifest(text, "tsfn.json", { name: "default" }), { instanceOf: TsfnError });
    t.deepEqual(
      (error as TsfnError).fields.problems?.map(({ line, column, message }) => `${line}:${column} ${message}`),
      told,
    );
  });
}

test("a value of any kind in any place is refused with problems, not with a fault", (t) => {
  const keys = ["env", "secrets", "scaling", "routes", "network", "reuse", "concurrency", "runtime", "main", "prefork"];
  const value = fc.oneof(
    fc.jsonValue(),
    fc.constantFrom("never", "provided", "none", "A", "/a"),
    fc.array(fc.oneof(fc.constantFrom("A", "/a", "a.example:1", null), fc.jsonValue())),
    fc.record({ min: fc.jsonValue(), max: fc.jsonValue() }),
  );
  fc.assert(
    fc.property(fc.dictionary(fc.constantFrom(...keys), value), (manifest) => {
      try {
        parseManifest(JSON.stringify(manifest), "tsfn.json", { name: "default" });
      } catch (thrown) {
        t.true(thrown instanceof TsfnError && (thrown.fields.problems?.length ?? 0) > 0, String(thrown));
      }
    }),
    { numRuns: 2_000 },
  );
  t.pass();
});
