// A benchmark that is killed in the middle: `node abandoned.ts <function> <layer>…` starts a server and a container, prints the
// pid of what serves in the container, and waits.

import { setTimeout as pause } from "node:timers/promises";
import { prepareRunc } from "../../../bench/peers/runc.ts";
import { startTsfn } from "../../../bench/tsfn.ts";

const [directory = "", ...layers] = process.argv.slice(2);
await using owner = new AsyncDisposableStack();
await startTsfn(owner);
const peer = await prepareRunc(owner, layers, directory);
const start = peer.spawn();
await start.firstByte();
process.stdout.write(`${start.servingPid()}\n`);
await pause(600_000);
