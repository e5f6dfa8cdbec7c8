// What a sandbox's name server answers: for "internet" what the server's own resolvers say, for a list only the addresses of
// the names on it, which the policy learns. A question is taken apart and written anew: no byte of it is passed on.

import { type DecodedPacket, decode, encode, type Question, RECURSION_AVAILABLE, RECURSION_DESIRED } from "dns-packet";
import type { OwnAddresses } from "./address-classes.ts";
import type { EgressLimits } from "./egress-messages.ts";
import type { Places } from "./places.ts";
import { type Policy, toAllow } from "./policy.ts";
import type { Resolver, Transport } from "./resolver.ts";

export interface NameServerParts {
  readonly functionName: string;
  readonly policy: Policy;
  readonly own: Pick<OwnAddresses, "reaches">;
  readonly resolver: Pick<Resolver, "ask">;
  readonly notice: (message: string) => void;
  readonly limits: Pick<EgressLimits, "lookupsPerSandbox">;
  /** Those under way of all sandboxes. */
  readonly lookups: Places;
}

/** RFC 1035, 4.1.1. */
const codes = { noError: 0, serverFailure: 2, noSuchName: 3, notImplemented: 4 } as const;
const maxQuestionBytes = 1_232;

export class NameServer {
  readonly #parts: NameServerParts;
  #inFlight = 0;

  constructor(parts: NameServerParts) {
    this.#parts = parts;
  }

  /** null: no answer, because it was no question. Never rejects. */
  async answer(bytes: Buffer, transport: Transport): Promise<Buffer | null> {
    try {
      const packet = bytes.length > maxQuestionBytes ? null : decode(bytes);
      return packet?.type === "query" ? await this.#answer(packet, transport) : null;
    } catch {
      // What cannot be read, or not be written again, is no question.
      return null;
    }
  }

  async #answer(packet: DecodedPacket, transport: Transport): Promise<Buffer> {
    const question = packet.questions?.[0];
    if (question === undefined || packet.questions?.length !== 1 || operationOf(packet) !== 0)
      return said(packet, codes.notImplemented);
    const local = this.#withoutAsking(question);
    if (local !== null) return said(packet, local);
    const full = this.#full();
    if (full !== null) {
      this.#parts.notice(`network: a lookup is refused: ${full} under way, which is the limit`);
      return said(packet, codes.serverFailure);
    }
    const { lookups, functionName } = this.#parts;
    lookups.enter(functionName);
    this.#inFlight += 1;
    try {
      return await this.#ask(packet, question, transport);
    } catch {
      return said(packet, codes.serverFailure);
    } finally {
      this.#inFlight -= 1;
      lookups.leave(functionName);
    }
  }

  #full(): string | null {
    const { limits, lookups, functionName } = this.#parts;
    if (this.#inFlight >= limits.lookupsPerSandbox) return `the instance has ${limits.lookupsPerSandbox}`;
    return lookups.full(functionName);
  }

  /** The code of an answer without records; null when the resolvers have to be asked. */
  #withoutAsking({ type, name }: Question): number | null {
    const { policy, own, notice } = this.#parts;
    const plain = plainName(name);
    if (!policy.mayResolve(plain)) {
      notice(`network: ${JSON.stringify(plain)} is not looked up; ${toAllow([`${plain}:443`])} or the like`);
      return codes.noSuchName;
    }
    // A connection through tsfnd always seems to succeed at first, so that clients would not try their other family.
    if ((type === "AAAA" && !own.reaches(6)) || (type === "A" && !own.reaches(4))) return codes.noError;
    return null;
  }

  async #ask(packet: DecodedPacket, question: Question, transport: Transport): Promise<Buffer> {
    const { policy, resolver } = this.#parts;
    const hasOptions = packet.additionals?.some(({ type }) => type === "OPT") ?? false;
    const bytes = await resolver.ask(question, { hasOptions, transport });
    const answers = decode(bytes).answers ?? [];
    const found = answers.flatMap((record) => (record.type === "A" || record.type === "AAAA" ? [record] : []));
    const ttlS = Math.min(...found.map(({ ttl }) => ttl ?? 0));
    if (found.length > 0)
      policy.learn(
        plainName(question.name),
        found.map(({ data }) => data),
        ttlS,
      );
    bytes.writeUInt16BE(packet.id ?? 0, 0);
    return bytes;
  }
}

/** 0: a standard query. */
function operationOf({ flags = 0 }: DecodedPacket): number {
  return (flags >> 11) & 15;
}

function said({ id, questions }: DecodedPacket, code: number): Buffer {
  const flags = RECURSION_DESIRED | RECURSION_AVAILABLE | code;
  return encode({ type: "response", ...(id !== undefined && { id }), flags, ...(questions && { questions }) });
}

function plainName(name: string): string {
  return name.toLowerCase().replace(/\.$/, "");
}
