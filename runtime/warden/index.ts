// Front page of runtime/warden: the daemon's way to the root helper.
export { connectWarden, isDoneInVain, type WardenClient, type WardenSockets } from "./client.ts";
export { type ActivityReader, endWithin, loadActivityReader, loadLibrary } from "./native.ts";
export { proto } from "./protocol.ts";
export {
  type Exit,
  type KernelFeature,
  type ListedSandbox,
  requests,
  type StartedProcess,
  type WardenRequest,
} from "./requests.ts";
