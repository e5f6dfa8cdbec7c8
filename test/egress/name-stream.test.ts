// Questions over TCP from one who does not read the answers.

import { once } from "node:events";
import { type AddressInfo, connect, createServer } from "node:net";
import test from "ava";
import { serveNameStream, withLength } from "../../runtime/egress/name-stream.ts";

const questions = 5_000;
const answerBytes = 60_000;

test("who asks and does not read is answered no further than the kernel keeps, and a stream that closes is over", async (t) => {
  let asked = 0;
  const answer = async () => {
    asked += 1;
    return Buffer.alloc(answerBytes);
  };
  const over = Promise.withResolvers<void>();
  const server = createServer((socket) => void serveNameStream(socket, answer).then(over.resolve, over.reject));
  await once(server.listen(0, "127.0.0.1"), "listening");
  t.teardown(() => server.close());
  const client = connect((server.address() as AddressInfo).port, "127.0.0.1");
  await once(client, "connect");
  client.pause();
  client.write(Buffer.concat(Array.from({ length: questions }, () => withLength(Buffer.from("?")))));
  let before = -1;
  while (asked !== before) {
    before = asked;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  t.true(asked > 0);
  t.true(asked < questions / 5, `${asked} answers were made`);
  client.destroy();
  await over.promise;
});
