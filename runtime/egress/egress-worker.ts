// The worker thread that carries what functions send: one SandboxEgress per sandbox with a network. egress.ts is its only
// client and egress-messages.ts what they say to each other.

import { parentPort, workerData } from "node:worker_threads";
import { OwnAddresses } from "./address-classes.ts";
import type { EgressEvent, EgressLimits, EgressRequest } from "./egress-messages.ts";
import { loadLocalRoutes } from "./local-routes.ts";
import { Places } from "./places.ts";
import { policyOf } from "./policy.ts";
import { Resolver } from "./resolver.ts";
import { SandboxEgress, type SharedEgress } from "./sandbox-egress.ts";

const port = parentPort;
if (port === null) throw new Error("egress-worker.ts must run as a worker thread");

const limits = workerData as EgressLimits;
const now = () => performance.now();
const own = new OwnAddresses(now, loadLocalRoutes());
const shared: SharedEgress = {
  limits,
  own,
  resolver: new Resolver(limits, now),
  connections: new Places({ places: limits.connections, placesPerFunction: limits.connectionsPerFunction }),
  lookups: new Places({ places: limits.lookups, placesPerFunction: limits.lookupsPerFunction }),
};
const sandboxes = new Map<string, SandboxEgress>();
const tell = (event: EgressEvent): void => port.postMessage(event);

port.on("message", (request: EgressRequest) => {
  if (request.verb === "open") open(request);
  else void close(request.id);
});

function open({ id, functionName, network, sockets }: Extract<EgressRequest, { verb: "open" }>): void {
  tell({ event: "taken", id });
  const notice = (message: string) => tell({ event: "notice", id, message });
  const fault = (error: Error) => tell({ event: "fault", message: `${id}: ${error.message}` });
  const policy = policyOf(network, { own, now });
  sandboxes.set(id, new SandboxEgress({ functionName, policy, sockets, notice, fault, shared }));
}

async function close(id: string): Promise<void> {
  await sandboxes.get(id)?.close();
  sandboxes.delete(id);
  tell({ event: "closed", id });
}
