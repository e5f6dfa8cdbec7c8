// Talks to QEMU's machine protocol on the pipes of `-qmp stdio`: one command at a time, and events as they come.
// qemu.org/docs: QEMU Machine Protocol Specification

import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";

export interface Monitor {
  /** @throws Error when QEMU refuses it or ends */
  execute<Answer>(command: string, values?: Readonly<Record<string, unknown>>): Promise<Answer>;
  /** Resolves when this event has come since the monitor was opened. @throws Error when QEMU ends before */
  event(name: string): Promise<void>;
}

interface Message {
  readonly return?: unknown;
  readonly error?: { readonly desc: string };
  readonly event?: string;
}

export async function openMonitor(qemu: { readonly stdin: Writable; readonly stdout: Readable }): Promise<Monitor> {
  const lines = createInterface({ input: qemu.stdout })[Symbol.asyncIterator]();
  const events = new Set<string>();
  const next = async (): Promise<Message> => {
    const { value, done } = await lines.next();
    if (done) throw new Error("QEMU ended while its monitor was in use");
    const message = JSON.parse(value) as Message;
    if (message.event !== undefined) events.add(message.event);
    return message;
  };
  const monitor: Monitor = {
    async execute<Answer>(command: string, values = {}) {
      qemu.stdin.write(`${JSON.stringify({ execute: command, arguments: values })}\n`);
      for (;;) {
        const message = await next();
        if (message.error !== undefined) throw new Error(`QEMU refused ${command}: ${message.error.desc}`);
        if ("return" in message) return message.return as Answer;
      }
    },
    async event(name) {
      while (!events.has(name)) await next();
    },
  };
  await monitor.execute("qmp_capabilities");
  return monitor;
}
