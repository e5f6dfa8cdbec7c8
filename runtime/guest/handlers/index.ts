export { chooseHandler, LoadError } from "./choose.ts";
export type { Handler, IncomingCall, ResponseLike } from "./handler.ts";
