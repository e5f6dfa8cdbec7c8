export { type Egress, type EgressGrant, openEgress } from "./egress.ts";
export type { GrantedNetwork, NetworkSockets } from "./egress-messages.ts";
