// An answer's body on its way to a client who reads later than it comes: its pieces are views of memory that the next ones take.

import test from "ava";
import { AnswerBody } from "../../runtime/instance/answer-body.ts";

test("what came is what is read, whatever takes its memory meanwhile", async (t) => {
  for (const bytes of [5, 40_000]) {
    const body = new AnswerBody({ grant: () => {}, abandoned: () => t.fail() });
    const memory = Buffer.alloc(bytes, "a");
    body.push(memory);
    memory.fill("b");
    body.push(memory);
    memory.fill("c");
    body.end();
    const text = Buffer.concat(await body.stream.toArray()).toString();
    t.is(text, "a".repeat(bytes) + "b".repeat(bytes));
  }
});
