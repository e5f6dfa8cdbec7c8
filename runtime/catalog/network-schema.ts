// What `network` in tsfn.json may hold: nothing, everything that is public, or the destinations that are named. As in
// manifest-schema.ts a message is the "wanted" half of a sentence; what a destination allows is runtime/egress.

import { isIP, isIPv4, isIPv6, SocketAddress } from "node:net";
import * as z from "zod";
import { besideOtherProblems, isRefused } from "./cross-check.ts";
import type { Destination, Network } from "./version.ts";

const maxDestinations = 100;
const maxNameLength = 253;

const wantedNetwork = `"none", "internet", or a list of destinations: ["api.example.com:443"]`;
const wantedDestination = `a host and a port, such as "api.example.com:443", "192.0.2.1:443" or "[2001:db8::1]:443"`;
const wantedPort = `a port from 1 to 65535 after the host, such as "api.example.com:443"`;
const wantedOther = "another host: this one is in the sandbox itself, or none that can be connected to";
const wantedPlain = "an IPv4 address in its own form, without ::ffff:";

const namePattern =
  /^(?=[a-z0-9._-]*[a-z][a-z0-9_-]*$)[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*$/;
const destinationPattern = /^(?:\[(?<six>[0-9A-Fa-f:.]+)\]|(?<host>[^:[\]]+)):(?<port>[0-9]{1,5})$/;

const destinationSchema = z
  .string({ error: wantedDestination })
  .meta({ pattern: "^(\\[[0-9A-Fa-f:.]+\\]|[^:\\[\\]]+):[0-9]{1,5}$" })
  .transform((text, context): Destination => {
    const parsed = parseDestination(text);
    if (typeof parsed !== "string") return parsed;
    context.addIssue(parsed);
    return z.NEVER;
  });

export const networkSchema = z
  .union(
    [
      z
        .string({ error: wantedNetwork })
        .refine((word) => word === "none" || word === "internet", { error: wantedNetwork })
        .meta({ enum: ["none", "internet"] }),
      z
        .array(destinationSchema, { error: wantedNetwork })
        .min(1, { error: `at least one destination; "none" is for none` })
        .max(maxDestinations, { error: `at most ${maxDestinations} destinations` })
        .superRefine((destinations, context) => {
          const seen = new Set<string>();
          destinations.forEach((destination, index) => {
            if (isRefused(context, index)) return;
            const text = formatDestination(destination);
            if (seen.has(text)) context.addIssue({ code: "custom", path: [index], message: "each destination once" });
            seen.add(text);
          });
        }, besideOtherProblems),
    ],
    { error: wantedNetwork },
  )
  .transform((network) => network as Network)
  .meta({ description: "what the function may connect to: nothing, every public address, or a list of host:port" });

/** As it is written in tsfn.json. */
export function formatDestination({ host, port }: Destination): string {
  return isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;
}

/** What is wanted instead, when it is none. */
function parseDestination(text: string): Destination | string {
  const { six, host, port } = destinationPattern.exec(text)?.groups ?? {};
  const isName = host !== undefined && isIP(host) === 0;
  if (port === undefined)
    return /^(?:[^:[\]]+|\[[0-9A-Fa-f:.]+\]):?(?:\*|[0-9]*)$/.test(text) ? wantedPort : wantedDestination;
  if (Number(port) < 1 || Number(port) > 65_535) return wantedPort;
  if (six !== undefined && !isIPv6(six)) return wantedDestination;
  const name = (host ?? "").toLowerCase();
  if (isName && (name.length > maxNameLength || !namePattern.test(name))) return wantedDestination;
  const canonical = isName ? name : canonicalAddress(six ?? name);
  if (canonical.startsWith("::ffff:")) return wantedPlain;
  return isElsewhere(canonical) ? { host: canonical, port: Number(port) } : wantedOther;
}

function canonicalAddress(address: string): string {
  return new SocketAddress({ address, family: isIPv4(address) ? "ipv4" : "ipv6" }).address;
}

/** Connections to these never leave a sandbox, or are none. */
function isElsewhere(host: string): boolean {
  if (isIPv4(host)) return !/^(?:0|127|22[4-9]|23\d|255)\./.test(host);
  if (isIPv6(host)) return host !== "::" && host !== "::1" && !/^ff/.test(host);
  return !/(?:^|\.)localhost$/.test(host);
}
