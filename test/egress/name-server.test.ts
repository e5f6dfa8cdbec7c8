// The name server of a sandbox: what it answers by itself, what it asks, and that no bytes of a function can break it.

import test from "ava";
import { type DecodedPacket, decode, encode, type Question } from "dns-packet";
import fc from "fast-check";
import { NameServer } from "../../runtime/egress/name-server.ts";
import { Places } from "../../runtime/egress/places.ts";
import { policyOf } from "../../runtime/egress/policy.ts";

const question = (name: string, type: Question["type"] = "A", id = 7) =>
  encode({ type: "query", id, flags: 0x100, questions: [{ type, name }] });

function server(
  resolve: (asked: Question) => Promise<Buffer>,
  lookupsPerSandbox = 4,
  lookups = new Places({ places: 100, placesPerFunction: 50 }),
) {
  const notices: string[] = [];
  const policy = policyOf([{ host: "api.example.com", port: 443 }], { own: { has: () => false }, now: () => 0 });
  const names = new NameServer({
    functionName: "tested",
    policy,
    own: { reaches: (family) => family === 4 },
    resolver: { ask: resolve },
    notice: (message) => notices.push(message),
    limits: { lookupsPerSandbox },
    lookups,
  });
  const ask = async (bytes: Buffer): Promise<DecodedPacket | null> => {
    const answer = await names.answer(bytes, "udp");
    return answer === null ? null : decode(answer);
  };
  return { ask, policy, notices };
}

const says = (addresses: readonly string[]) => (asked: Question) =>
  Promise.resolve(
    encode({
      type: "response",
      id: 99,
      questions: [asked],
      answers: addresses.map((data) => ({ type: "A", name: asked.name, ttl: 60, data })),
    }),
  );
const never = () => Promise.reject(new Error("nobody is to be asked"));
const codeOf = (packet: DecodedPacket | null) => (packet?.flags ?? -1) & 15;

test("a name on the list is answered with the function's number, and its addresses are learned", async (t) => {
  const { ask, policy } = server(says(["8.8.8.8"]));
  t.not(policy.refusal("8.8.8.8", 443), null);
  const answer = await ask(question("API.Example.com"));
  t.is(answer?.id, 7);
  t.like(answer?.answers?.[0], { data: "8.8.8.8" });
  t.is(policy.refusal("8.8.8.8", 443), null);
});

test("another name is not looked up, and the log says what would allow it", async (t) => {
  const { ask, notices } = server(never);
  t.is(codeOf(await ask(question("other.example.com"))), 3);
  t.regex(notices.join(), /"other\.example\.com" is not looked up; .* has "other\.example\.com:443" or the like/);
});

test("addresses of a family that the server cannot reach are no answer", async (t) => {
  const answer = await server(never).ask(question("api.example.com", "AAAA"));
  t.is(codeOf(answer), 0);
  t.deepEqual(answer?.answers, []);
});

test("a resolver that fails, says nonsense, or is asked too much at once is a failure of the server", async (t) => {
  t.is(codeOf(await server(never).ask(question("api.example.com"))), 2);
  t.is(codeOf(await server(() => Promise.resolve(Buffer.from("x"))).ask(question("api.example.com"))), 2);
  const slow = server(() => new Promise(() => {}), 2);
  void slow.ask(question("api.example.com"));
  void slow.ask(question("api.example.com"));
  t.is(codeOf(await slow.ask(question("api.example.com"))), 2);
  t.deepEqual(slow.notices, ["network: a lookup is refused: the instance has 2 under way, which is the limit"]);
});

test("a function has no more lookups under way than its share, however many instances it has", async (t) => {
  const lookups = new Places({ places: 100, placesPerFunction: 2 });
  const answered = Promise.withResolvers<void>();
  const slow = async (asked: Question) => {
    await answered.promise;
    return says(["8.8.8.8"])(asked);
  };
  const instances = [server(slow, 4, lookups), server(slow, 4, lookups)] as const;
  const asked = instances.map(({ ask }) => ask(question("api.example.com")));
  t.is(codeOf(await instances[0].ask(question("api.example.com"))), 2);
  t.deepEqual(instances[0].notices, [
    "network: a lookup is refused: all instances of the function together have 2 under way, which is the limit",
  ]);
  answered.resolve();
  t.deepEqual((await Promise.all(asked)).map(codeOf), [0, 0]);
  t.is(codeOf(await instances[0].ask(question("api.example.com"))), 0);
  t.is(lookups.count, 0);
});

test("no bytes make it fail, and none but a question gets an answer", async (t) => {
  const { ask } = server(says(["8.8.8.8"]));
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 1_500 }), async (bytes) => {
      await ask(Buffer.from(bytes));
    }),
    { numRuns: 2_000 },
  );
  const good = question("api.example.com");
  await fc.assert(
    fc.asyncProperty(fc.nat(good.length - 1), fc.nat(255), async (at, value) => {
      const bytes = Buffer.from(good);
      bytes[at] = value;
      await ask(bytes);
    }),
    { numRuns: 2_000 },
  );
  t.is(await ask(Buffer.alloc(0)), null);
  t.is(await ask(encode({ type: "response", id: 1, questions: [] })), null);
  t.is(codeOf(await ask(encode({ type: "query", id: 1, questions: [] }))), 4);
  t.is(await ask(Buffer.concat([good, Buffer.alloc(2_000)])), null);
});
