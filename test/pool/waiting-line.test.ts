// The waiting line: order, bounds, and that every entry leaves exactly once.

import test from "ava";
import fc from "fast-check";
import { TsfnError } from "../../runtime/errors.ts";
import type { Answer, Invocation } from "../../runtime/invocation.ts";
import { WaitingLine } from "../../runtime/pool/waiting-line.ts";
import { answerFor, newInvocation } from "../support/invocations.ts";

const refusals = new WeakMap<WaitingLine, [Invocation, unknown][]>();

function newLine({ maxWaiting = 100, maxWaitingBytes = 1_000_000, timeoutMs = 60_000 } = {}): WaitingLine {
  const refused: [Invocation, unknown][] = [];
  const owner = {
    function: "hello",
    version: 3,
    timeoutMs,
    shortage: () => ({ bound: "all 4 are busy", hint: "raise it" }),
    refused: (invocation: Invocation, reason: unknown) => refused.push([invocation, reason]),
  };
  const line = new WaitingLine(owner, { maxWaiting, maxWaitingBytes });
  refusals.set(line, refused);
  return line;
}

const take = (line: WaitingLine, answer: Answer): string | undefined => {
  const waiting = line.take();
  waiting?.resolve(answer);
  return waiting?.invocation.requestId;
};

test("first come, first served", async (t) => {
  const line = newLine();
  const answers = ["a", "b", "c"].map((requestId) => line.wait(newInvocation({ requestId })));
  t.deepEqual(
    ["a", "b", "c"].map((id) => take(line, answerFor(id))),
    ["a", "b", "c"],
  );
  t.is(line.take(), undefined);
  t.deepEqual(
    (await Promise.all(answers)).map(({ headers }) => headers[1]),
    ["a", "b", "c"],
  );
});

test("those that come back stand before all others, in their order, and no bound refuses them", async (t) => {
  const line = newLine({ maxWaiting: 1 });
  const waiting = line.wait(newInvocation({ requestId: "c" }));
  const answers = new Map<string, string | undefined>();
  const returned = ["a", "b"].map((requestId) => ({
    invocation: newInvocation({ requestId, heldBytes: 100 }),
    resolve: (answer: Answer | Promise<Answer>) =>
      void Promise.resolve(answer).then(({ headers }) => answers.set(requestId, headers[1])),
    reject: (reason: unknown) => t.fail(String(reason)),
  }));
  line.rejoin(returned);
  t.deepEqual([line.length, line.heldBytes], [3, 300]);
  t.is(line.first?.invocation.requestId, "a");
  t.deepEqual(
    ["1", "2", "3"].map((id) => take(line, answerFor(id))),
    ["a", "b", "c"],
  );
  t.is((await waiting).headers[1], "3");
  t.deepEqual(
    [...answers],
    [
      ["a", "1"],
      ["b", "2"],
    ],
  );
  t.deepEqual([line.length, line.heldBytes], [0, 0]);
});

test("one more than the line holds is refused with 429 and told when to come back", async (t) => {
  const line = newLine({ maxWaiting: 2 });
  const waiting = [line.wait(newInvocation()), line.wait(newInvocation())];
  const error = await t.throwsAsync(line.wait(newInvocation()), { instanceOf: TsfnError });
  t.is(error?.code, "CONCURRENCY_LIMIT");
  t.is(error?.fields.retryAfterS, 1);
  t.is(line.length, 2);
  take(line, answerFor("x"));
  t.notThrows(() => waiting.push(line.wait(newInvocation())));
  t.is(line.length, 2);
});

test("bytes held by those waiting are bounded, and given back when they leave", async (t) => {
  const line = newLine({ maxWaitingBytes: 1_000 });
  const first = line.wait(newInvocation({ heldBytes: 800 }));
  const error = await t.throwsAsync(line.wait(newInvocation({ heldBytes: 300 })), { instanceOf: TsfnError });
  t.is(error?.code, "CONCURRENCY_LIMIT");
  t.regex(error?.message ?? "", /1100 of 1000/);
  take(line, answerFor("x"));
  await first;
  t.is(line.heldBytes, 0);
});

test("a caller that leaves while waiting gets its own reason, and the next one moves up", async (t) => {
  const line = newLine();
  const leaving = new AbortController();
  const reason = new TsfnError("CLIENT_CLOSED", "the client left");
  const gone = line.wait(newInvocation({ requestId: "gone", signal: leaving.signal }));
  const next = line.wait(newInvocation({ requestId: "next" }));
  leaving.abort(reason);
  t.is(await gone.catch((error: unknown) => error), reason);
  t.is(take(line, answerFor("next")), "next");
  t.is((await next).status, 200);
  t.deepEqual(
    refusals.get(line)?.map(([{ requestId }]) => requestId),
    ["gone"],
  );
});

test("a caller that has left before it waits never joins", async (t) => {
  const line = newLine();
  const reason = new TsfnError("CLIENT_CLOSED", "the client left");
  const refused = line.wait(newInvocation({ signal: AbortSignal.abort(reason) }));
  t.is(await refused.catch((error: unknown) => error), reason);
  t.is(line.length, 0);
});

test("whoever waits past the deadline gets 503 with the time it waited", async (t) => {
  const line = newLine({ timeoutMs: 15 });
  const error = await t.throwsAsync(line.wait(newInvocation()), { instanceOf: TsfnError });
  t.is(error?.code, "NO_CAPACITY");
  t.regex(error?.message ?? "", /hello@3 had no free instance within 15 ms/);
  t.is(line.length, 0);
});

test("an entry moved to another line keeps its place in time and is never refused there", async (t) => {
  const [from, to] = [newLine(), newLine({ maxWaiting: 1 })];
  const answers = [from.wait(newInvocation({ requestId: "a" })), from.wait(newInvocation({ requestId: "b" }))];
  for (let entry = from.take(); entry !== undefined; entry = from.take()) to.join(entry);
  t.is(to.length, 2);
  take(to, answerFor("a"));
  take(to, answerFor("b"));
  t.deepEqual(
    (await Promise.all(answers)).map(({ headers }) => headers[1]),
    ["a", "b"],
  );
});

test("whatever the order of arrivals, leavings and takings, every entry leaves exactly once and nothing is held", async (t) => {
  const steps = fc.array(
    fc.oneof(fc.constant("wait"), fc.constant("take"), fc.constant("abort"), fc.constant("fail")),
    {
      maxLength: 60,
    },
  );
  await fc.assert(
    fc.asyncProperty(steps, async (script) => {
      const line = newLine({ maxWaiting: 8 });
      const callers: { readonly leave: AbortController; readonly outcome: Promise<string> }[] = [];
      for (const step of script) {
        if (step === "wait") {
          const leave = new AbortController();
          const answer = line.wait(newInvocation({ signal: leave.signal, heldBytes: 10 }));
          callers.push({
            leave,
            outcome: answer.then(
              () => "answered",
              () => "refused",
            ),
          });
        } else if (step === "take") take(line, answerFor("x"));
        else if (step === "abort") callers[0]?.leave.abort(new TsfnError("CLIENT_CLOSED", "left"));
        else line.rejectAll(new TsfnError("SHUTTING_DOWN", "stop"));
        t.is(line.heldBytes, line.length * 10);
      }
      line.rejectAll(new TsfnError("SHUTTING_DOWN", "stop"));
      const outcomes = await Promise.all(callers.map(({ outcome }) => outcome));
      const refused = outcomes.filter((outcome) => outcome === "refused").length;
      t.is(refusals.get(line)?.length, refused);
      t.is(line.heldBytes, 0);
    }),
  );
});
