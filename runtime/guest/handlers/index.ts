export { chooseHandler, type Surroundings } from "./choose.ts";
export { fetchHandler } from "./fetch.ts";
export { headerOf } from "./flat-headers.ts";
export { watchFramework } from "./functions-framework.ts";
export type { Handler, IncomingCall, ResponseLike } from "./handler.ts";
export { lambdaEnvironment } from "./lambda.ts";
export { offerStreaming } from "./lambda-stream.ts";
export { portOf, watchPort } from "./listening.ts";
