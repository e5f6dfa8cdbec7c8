// What a person may write as `routes` in tsfn.json, and what is said about the rest.

import test from "ava";
import { parseManifest } from "../../runtime/catalog/index.ts";
import { TsfnError } from "../../runtime/errors.ts";

const wantedPath = `a path such as "/hello" or "/hello/*": ASCII that needs no encoding, and * only after the last /`;
const wantedFreePath = "a path that is neither /healthz nor below /function, which are the server's own";
const wantedHost = `a host name such as "hello.example.com" or "*.example.com": lower case, without a port`;
const wantedRoute = `a path such as "/hello/*", or an object: { "host": "hello.example.com" }`;

test("paths, hosts and both are routes; a host without a path is all of it", (t) => {
  const routes = ["/", "/*", "/a", "/a/", "/a/b/*", "/functions", "/..a/~x@1.0", { path: "/p" }];
  t.deepEqual(
    parse([...routes, { host: "a.example.com" }, { host: "*.example.com", path: "/x/*" }, { host: "localhost" }]),
    [
      { host: null, path: "/" },
      { host: null, path: "/*" },
      { host: null, path: "/a" },
      { host: null, path: "/a/" },
      { host: null, path: "/a/b/*" },
      { host: null, path: "/functions" },
      { host: null, path: "/..a/~x@1.0" },
      { host: null, path: "/p" },
      { host: "a.example.com", path: "/*" },
      { host: "*.example.com", path: "/x/*" },
      { host: "localhost", path: "/*" },
    ],
  );
});

const badPaths = ["", "hello", "/hello*", "/*/a", "/a/*/", "/**", "//", "/a//b", "/a/../b", "/.", "/é", "/%41", "/a b"];
const badHosts = ["Hello.com", "a.com:80", "*", "*.", "a.*.com", "a..b", "-a.com", "a_b.com", "a.com.", "é.com"];

const mistakes: readonly (readonly [routes: unknown, ...told: readonly string[]])[] = [
  ...badPaths.map((path) => [[path], `1:14 routes.0 is ${JSON.stringify(path)}; wanted ${wantedPath}`] as const),
  ...["/healthz", "/healthz/*", "/function", "/function/*", "/function/a"].map(
    (path) => [[path], `1:14 routes.0 is "${path}"; wanted ${wantedFreePath}`] as const,
  ),
  ...badHosts.map(
    (host) => [[{ host }], `1:22 routes.0.host is ${JSON.stringify(host)}; wanted ${wantedHost}`] as const,
  ),
  [["/a", { host: "h", path: "b" }], `1:38 routes.1.path is "b"; wanted ${wantedPath}`],
  [[{ host: 7 }], `1:22 routes.0.host is 7; wanted ${wantedHost}`],
  [[{}], `1:14 routes.0 is an object; wanted "host", "path" or both`],
  [[{ host: "h", paht: "/a" }], `1:26 "paht" is not a key of routes.0; did you mean "path"?`],
  [[7], `1:14 routes.0 is 7; wanted ${wantedRoute}`],
  [[["/a"]], `1:14 routes.0 is an array; wanted ${wantedRoute}`],
  ["/a", `1:13 routes is "/a"; wanted a list of routes: ["/hello/*", { "host": "hello.example.com" }]`],
  [["/a", "/b", "/a"], `1:24 routes.2 is "/a"; wanted each route once`],
  [["/a", { path: "/a" }], "1:19 routes.1 is an object; wanted each route once"],
  [[{ host: "h" }, { host: "h", path: "/*" }], "1:27 routes.1 is an object; wanted each route once"],
  [Array.from({ length: 101 }, (_, index) => `/${index}`), "1:13 routes is an array; wanted at most 100 routes"],
  [
    ["b", "/healthz"],
    `1:14 routes.0 is "b"; wanted ${wantedPath}`,
    `1:18 routes.1 is "/healthz"; wanted ${wantedFreePath}`,
  ],
];

for (const [routes, ...told] of mistakes) {
  test(`${JSON.stringify(routes).slice(0, 50)} is refused with its place and what is wanted`, (t) => {
    const error = t.throws(() => parse(routes), { instanceOf: TsfnError, code: "MANIFEST_INVALID" });
    t.deepEqual(
      error.fields.problems?.map(({ line, column, message }) => `${line}:${column} ${message}`),
      told,
    );
  });
}

function parse(routes: unknown) {
  return parseManifest(`{ "routes": ${JSON.stringify(routes)} }`, "tsfn.json", { name: "a" }).routes;
}
