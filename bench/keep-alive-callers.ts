// Callers that keep one connection each and send the next request when the last answer is complete, or a moment later.

import { Agent, request } from "node:http";
import { json } from "node:stream/consumers";
import { setTimeout as pause } from "node:timers/promises";

export interface Call<Document> {
  readonly status: number;
  readonly cold: boolean;
  readonly document: Document;
}

export interface Callers {
  readonly port: number;
  readonly callers: number;
  readonly patienceMs: number;
  /** Between an answer and the next request; none when absent. */
  readonly pauseMs?: number;
}

/** `callers` of them at the same time until `goesOn` says no. `nonce` is a different one in every call. */
export async function callAgainAndAgain<Document>(
  { port, callers, patienceMs, pauseMs = 0 }: Callers,
  goesOn: () => boolean,
  pathOf: (nonce: string) => string,
  onAnswer: (nonce: string, call: Call<Document>) => void,
): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: callers });
  const call = async (caller: number): Promise<void> => {
    for (let turn = 0; goesOn(); turn += 1) {
      const nonce = `${caller}-${turn}`;
      onAnswer(nonce, await callOnce<Document>(agent, port, pathOf(nonce), patienceMs));
      if (pauseMs > 0) await pause(pauseMs);
    }
  };
  try {
    await Promise.all(Array.from({ length: callers }, (_, caller) => call(caller)));
  } finally {
    agent.destroy();
  }
}

function callOnce<Document>(agent: Agent, port: number, path: string, patienceMs: number): Promise<Call<Document>> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ agent, port, host: "127.0.0.1", path }, (response) => {
      json(response).then((document) => {
        const { statusCode: status = 0, headers } = response;
        resolve({ status, cold: headers["x-tsfn-cold"] === "1", document: document as Document });
      }, reject);
    });
    outgoing.setTimeout(patienceMs, () => outgoing.destroy(new Error(`${path} hung: no answer in ${patienceMs} ms`)));
    outgoing.once("error", reject);
    outgoing.end();
  });
}
