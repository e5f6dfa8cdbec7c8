// Custom routes over real HTTP: who answers, what the function sees, and who keeps a route when two want it.

import { request } from "node:http";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import test, { type ExecutionContext } from "ava";
import { manifestTextFrom } from "../../gateway/aws/manifest-text.ts";
import { parseManifest } from "../../runtime/catalog/index.ts";
import { runCommand } from "../support/command.ts";
import { openTestDaemon, type TestDaemon } from "../support/daemon.ts";
import { functionOf } from "../support/function-directory.ts";

/** Tells its name, what it sees as its URL, and the header that names what was cut off. */
const mirror = (name: string) =>
  `return new Response([${JSON.stringify(name)}, request.url, request.headers.get("x-forwarded-prefix")].join(" "));`;

const mirrorOf = (t: ExecutionContext, name: string, routes: readonly unknown[], more = "") =>
  functionOf(t, { name, routes }, more + mirror(name));

interface Answered {
  readonly status: number;
  readonly body: string;
}

/** @param host of the Host header, not of the connection */
async function get(daemon: TestDaemon, path: string, host = "any.host"): Promise<Answered> {
  const { hostname, port } = new URL(daemon.url);
  const response = await new Promise<import("node:http").IncomingMessage>((resolve, reject) => {
    const outgoing = request({ hostname, port, path, headers: { host }, agent: false });
    outgoing.once("response", resolve).once("error", reject).end();
  });
  return { status: response.statusCode ?? 0, body: await text(response) };
}

/** The name of the function that answered, or the code of the problem. */
async function answerer(daemon: TestDaemon, path: string, host?: string): Promise<string> {
  const { status, body } = await get(daemon, path, host);
  return status === 200 ? (body.split(" ", 1)[0] ?? "") : (JSON.parse(body) as { code: string }).code;
}

test("a request goes to the most specific route, and the function sees the whole path", async (t) => {
  const daemon = await openTestDaemon(t);
  await daemon.deploy(mirrorOf(t, "all", ["/*"]));
  await daemon.deploy(mirrorOf(t, "shop", ["/shop/*", { host: "shop.example.com" }]));
  await daemon.deploy(mirrorOf(t, "cart", ["/shop/cart", { host: "*.example.com", path: "/cart/*" }]));
  const { port } = new URL(daemon.url);
  const cases: readonly (readonly [host: string, path: string, name: string])[] = [
    ["any.host", "/", "all"],
    ["any.host", "/shopping", "all"],
    ["any.host", "/shop", "shop"],
    ["any.host", "/shop/", "shop"],
    ["any.host", "/shop/a%20b?c=d&e", "shop"],
    ["any.host", "/shop?q", "shop"],
    ["any.host", "/shop/cart", "cart"],
    ["any.host", "/shop/cart/1", "shop"],
    ["any.host", "/Shop", "all"],
    ["shop.example.com", "/cart/1", "shop"],
    ["SHOP.Example.COM", "/x", "shop"],
    [`shop.example.com:${port}`, "/x", "shop"],
    ["other.example.com:1", "/cart", "cart"],
    ["a.other.example.com", "/cart", "all"],
    ["shop.example.com.", "/x", "shop"],
    ["[::1]:8080", "/shop", "shop"],
  ];
  for (const [host, path, name] of cases) {
    const { status, body } = await get(daemon, path, host);
    const url = new URL(path, `http://${host}`);
    t.deepEqual([status, body], [200, `${name} ${url.href} `], `${host}${path}`);
  }
});

test("what is the server's own stays so, and functions answer under their names as before", async (t) => {
  const daemon = await openTestDaemon(t);
  await daemon.deploy(mirrorOf(t, "all", ["/*", { host: "*.example.com" }]));
  for (const host of ["any.host", "a.example.com"]) {
    t.is((await get(daemon, "/healthz", host)).body, "ok\n");
    t.is((await get(daemon, "/healthz?x", host)).body, "ok\n");
    t.is(await answerer(daemon, "/function/none", host), "FUNCTION_NOT_FOUND");
    t.is((await get(daemon, "/function/all/x", host)).body, `all http://${host}/x /function/all`);
    t.is(await answerer(daemon, "/v1/info", host), "all");
  }
});

test("a path with dot segments is the one that the function sees", async (t) => {
  const daemon = await openTestDaemon(t);
  await daemon.deploy(mirrorOf(t, "open", ["/open/*"]));
  await daemon.deploy(mirrorOf(t, "closed", ["/closed/*"]));
  for (const path of ["/open/../closed/x", "/open/%2e%2E/closed/x", "/open/.%2e/closed/x", "/open\\..\\closed/x"]) {
    t.is((await get(daemon, path)).body, "closed http://any.host/closed/x ", path);
  }
  t.is(await answerer(daemon, "/open/../x"), "ROUTE_NOT_FOUND");
});

test("without a route for it a request is 404; a name in the target counts before the Host header", async (t) => {
  const daemon = await openTestDaemon(t);
  await daemon.deploy(mirrorOf(t, "shop", [{ host: "shop.example.com", path: "/a" }]));
  t.is(await answerer(daemon, "/a"), "ROUTE_NOT_FOUND");
  t.is(await answerer(daemon, "/b", "shop.example.com"), "ROUTE_NOT_FOUND");
  t.is(await answerer(daemon, "http://shop.example.com/a", "any.host"), "shop");
  t.is(await answerer(daemon, "http://any.host/a", "shop.example.com"), "ROUTE_NOT_FOUND");
});

test("a deploy that wants another's route is refused whole, and both functions are as before", async (t) => {
  const daemon = await openTestDaemon(t);
  await daemon.deploy(mirrorOf(t, "first", ["/mine/*"]));
  await daemon.deploy(mirrorOf(t, "second", ["/other"]));
  const refused = await daemon.deploy(mirrorOf(t, "second", ["/new", "/mine/*"]));
  t.is(refused.status, 409);
  t.like(refused.json, {
    code: "ROUTE_CONFLICT",
    detail: 'second cannot have the route "/mine/*": it belongs to first',
    function: "second",
    retryable: false,
  });
  t.is(await answerer(daemon, "/mine"), "first");
  t.is(await answerer(daemon, "/other"), "second");
  t.is(await answerer(daemon, "/new"), "ROUTE_NOT_FOUND");
  t.like((await daemon.admin("GET", "/v1/functions/second")).json, { version: 1 });
});

test("a route follows the live version: redeployed, rolled back, removed", async (t) => {
  const daemon = await openTestDaemon(t);
  await daemon.deploy(mirrorOf(t, "a", ["/one", "/both"]));
  await daemon.deploy(mirrorOf(t, "a", ["/two", "/both"]));
  t.is(await answerer(daemon, "/one"), "ROUTE_NOT_FOUND");
  t.is(await answerer(daemon, "/two"), "a");
  t.is(await answerer(daemon, "/both"), "a");
  t.is((await daemon.deploy(mirrorOf(t, "b", ["/one"]))).status, 201);
  const refused = await daemon.admin("POST", "/v1/functions/a/rollback");
  t.is(refused.status, 409);
  t.like(refused.json, { code: "ROUTE_CONFLICT", function: "a" });
  t.is(await answerer(daemon, "/two"), "a");
  t.is((await daemon.admin("DELETE", "/v1/functions/b")).status, 204);
  t.is(await answerer(daemon, "/one"), "ROUTE_NOT_FOUND");
  t.is((await daemon.admin("POST", "/v1/functions/a/rollback")).status, 200);
  t.is(await answerer(daemon, "/one"), "a");
  t.is(await answerer(daemon, "/two"), "ROUTE_NOT_FOUND");
  await daemon.admin("POST", "/v1/functions/a/restart");
  t.is(await answerer(daemon, "/one"), "a");
});

test("a body that waits for 100-continue, a HEAD and an HTTP/1.0 request go over a custom route", async (t) => {
  const daemon = await openTestDaemon(t);
  await daemon.deploy(
    functionOf(t, { name: "up", routes: ["/up/*"] }, `return new Response("got " + (await request.text()));`),
  );
  const { port } = new URL(daemon.url);
  const socket = connect(Number(port), "127.0.0.1");
  t.teardown(() => socket.destroy());
  socket.setEncoding("latin1");
  let received = "";
  const head =
    "POST /up/x HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n";
  socket.write(head);
  for await (const piece of socket as AsyncIterable<string>) {
    received += piece;
    if (received === "HTTP/1.1 100 Continue\r\n\r\n") socket.write("body");
  }
  t.regex(received, /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK\r\n[\s\S]*\r\n\r\n[\s\S]*got body/);
  const answer = await fetch(`${daemon.url}/up`, { method: "HEAD" });
  t.deepEqual([answer.status, answer.headers.get("x-tsfn-version")], [200, "1"]);
  const old = connect(Number(port), "127.0.0.1");
  old.write("GET /up HTTP/1.0\r\n\r\n");
  t.regex(await text(old), /^HTTP\/1\.1 200 OK\r\n[\s\S]*got $/);
});

test("deploy prints the routes' URLs, inspect and list tell them, and a conflict exits with 6", async (t) => {
  const daemon = await openTestDaemon(t);
  const env = { TSFN_SERVER: daemon.adminSocket };
  const cli = (...args: string[]) => runCommand(args, { env });
  const { port } = new URL(daemon.url);
  const directory = mirrorOf(t, "shop", ["/shop/*", { host: "*.example.com" }]);
  const routes = [`${daemon.url}/shop/*`, `http://*.example.com:${port}/*`];
  t.is((await cli("deploy", directory)).stdout, `${[`${daemon.url}/function/shop`, ...routes].join("\n")}\n`);
  t.like(JSON.parse((await cli("deploy", directory, "--json")).stdout), { unchanged: true, routes });
  t.like(JSON.parse((await cli("list", "--json")).stdout), { functions: [{ function: "shop", routes }] });
  t.like(JSON.parse((await cli("inspect", "shop", "--json")).stdout), { function: "shop", routes });
  const shown = (await cli("inspect", "shop")).stdout.split("\n").find((line) => line.startsWith("  routes "));
  t.is(shown?.slice("  routes".length).trim(), routes.join(", "));
  const conflict = await cli("deploy", directory, "--name", "copy");
  t.is(conflict.code, 6);
  t.is(
    conflict.stderr,
    [
      "error: Another function has this route",
      'why:   copy cannot have the route "/shop/*": it belongs to shop',
      'fix:   Change "routes" in tsfn.json, or free it first with: tsfn rm shop',
      "docs:  docs/errors.md#ROUTE_CONFLICT\n",
    ].join("\n"),
  );
});

test("what Lambda's API deploys again keeps its routes", (t) => {
  const text = `{ "routes": ["/a/*", { "host": "h" }, { "host": "*.h", "path": "/b" }] }`;
  const manifest = parseManifest(text, "tsfn.json", { name: "a" });
  t.deepEqual(parseManifest(manifestTextFrom(manifest), "tsfn.json", {}), manifest);
});
