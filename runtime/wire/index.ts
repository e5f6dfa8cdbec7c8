export { ReceiveWindow, SendWindow } from "./flow.ts";
export { type Frame, FrameDecoder, FrameWriter, ProtocolError } from "./frames.ts";
export { LineSplitter } from "./lines.ts";
export * from "./messages.ts";
export {
  decodeCancel,
  decodeCredit,
  decodeFailure,
  decodeInit,
  decodeInvoke,
  decodeOutput,
  decodeReady,
  decodeResponseHead,
  encode,
  problemOfHead,
} from "./payloads.ts";
