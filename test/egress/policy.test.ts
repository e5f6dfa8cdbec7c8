// What may be connected to, without any connection: every kind of address, lists, and names that move.

import test from "ava";
import { isNeverByName, plainAddress, specialClassOf } from "../../runtime/egress/address-classes.ts";
import { policyOf } from "../../runtime/egress/policy.ts";

const nobody = { has: () => false };

const special: readonly (readonly [string, string])[] = [
  ...["127.0.0.1", "127.255.255.254", "::1"].map((address) => [address, "loopback"] as const),
  ...["169.254.0.1", "169.254.169.254", "fe80::1", "febf::1"].map((address) => [address, "link-local"] as const),
  ...["10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.0.1", "100.64.0.1", "100.127.255.255"].map(
    (address) => [address, "private"] as const,
  ),
  ...["fc00::1", "fd00::5", "fdff::1"].map((address) => [address, "private"] as const),
  ...["224.0.0.1", "239.255.255.255", "ff02::1"].map((address) => [address, "multicast"] as const),
  ...["0.0.0.0", "0.1.2.3", "240.0.0.1", "255.255.255.255", "::"].map((address) => [address, "reserved"] as const),
  ...["192.0.0.8", "192.0.2.1", "192.88.99.1", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1"].map(
    (address) => [address, "not public"] as const,
  ),
  ...["2001::1", "2001:db8::1", "2002:a00:5::1", "3fff::1", "64:ff9b::a00:5", "100::1", "fec0::1", "::a00:5"].map(
    (address) => [address, "not public"] as const,
  ),
];

test("every special address is told by what it is", (t) => {
  for (const [address, wanted] of special) t.is(specialClassOf(address), wanted, address);
});

test("an IPv4 address in an IPv6 one is what it stands for", (t) => {
  for (const [address, wanted] of special)
    if (!address.includes(":")) t.is(specialClassOf(plainAddress(`::ffff:${address}`)), wanted, address);
  // As hexadecimal, which no socket says.
  t.not(specialClassOf("::ffff:a00:5"), null);
  t.is(plainAddress("2606:4700::1111"), "2606:4700::1111");
});

test("everything else is public, up to the borders of what is not", (t) => {
  const four = ["1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255"];
  const more = ["128.0.0.1", "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "223.255.255.255"];
  const six = ["2000::1", "2001:200::1", "2003::1", "2606:4700::1111", "3ffe::1"];
  for (const address of [...four, ...more, ...six]) t.is(specialClassOf(address), null, address);
});

test("no name leads to what only a neighbour or the machine itself can mean", (t) => {
  for (const address of ["127.0.0.1", "169.254.169.254", "224.0.0.1", "0.0.0.0", "fe80::1"])
    t.true(isNeverByName(address), address);
  for (const address of ["10.0.0.5", "fd00::5", "8.8.8.8"]) t.false(isNeverByName(address), address);
});

test("the internet is everything public but the server's own", (t) => {
  const policy = policyOf("internet", { own: { has: (address) => address === "9.9.9.9" }, now: () => 0 });
  t.is(policy.refusal("8.8.8.8", 443), null);
  t.is(
    policy.refusal("9.9.9.9", 22),
    `9.9.9.9:22 is refused: the address is the server's own; "network" would have to be a list that has "9.9.9.9:22"`,
  );
  t.regex(policy.refusal("fd00::5", 1) ?? "", /^\[fd00::5\]:1 is refused: the address is private;/);
  t.true(policy.mayResolve("anything.example.com"));
  t.is(policy.refusalFrom("9.9.9.9", "8.8.8.8", 443), null);
  t.regex(
    policy.refusalFrom("8.8.8.8", "8.8.8.8", 443) ?? "",
    /^8\.8\.8\.8:443 is refused: the address is the server's own;/,
  );
  const listed = policyOf([{ host: "9.9.9.9", port: 443 }], { own: nobody, now: () => 0 });
  t.is(listed.refusalFrom("9.9.9.9", "9.9.9.9", 443), null);
});

test("a list is its destinations; its names are the addresses that they were last looked up to", (t) => {
  let nowMs = 0;
  const destinations = [
    { host: "api.example.com", port: 443 },
    { host: "10.0.0.5", port: 5432 },
  ];
  const policy = policyOf(destinations, { own: nobody, now: () => nowMs });
  t.true(policy.mayResolve("api.example.com"));
  t.false(policy.mayResolve("example.com"));
  t.is(policy.refusal("10.0.0.5", 5432), null);
  t.not(policy.refusal("10.0.0.5", 443), null);
  t.not(policy.refusal("8.8.8.8", 443), null);
  policy.learn("api.example.com", ["8.8.8.8", "169.254.169.254"], 120);
  t.is(policy.refusal("8.8.8.8", 443), null);
  t.regex(policy.refusal("8.8.8.8", 80) ?? "", /a list that has "api\.example\.com:80"$/);
  t.not(policy.refusal("169.254.169.254", 443), null);
  nowMs = 119_000;
  t.is(policy.refusal("8.8.8.8", 443), null);
  nowMs = 121_000;
  t.not(policy.refusal("8.8.8.8", 443), null);
});

test("however many addresses a name has, few are remembered", (t) => {
  const policy = policyOf([{ host: "a.example", port: 1 }], { own: nobody, now: () => 0 });
  const address = (index: number) => `8.${index >> 16}.${(index >> 8) & 255}.${index & 255}`;
  for (let index = 0; index < 5_000; index += 1) policy.learn("a.example", [address(index)], 3_600);
  t.not(policy.refusal(address(0), 1), null);
  t.is(policy.refusal(address(4_999), 1), null);
  t.is(policy.refusal(address(3_976), 1), null);
  t.not(policy.refusal(address(3_975), 1), null);
});
