export { ReceiveWindow, SendWindow } from "./flow.ts";
export { FrameWriter } from "./frame-writer.ts";
export { type Frame, FrameDecoder, ProtocolError } from "./frames.ts";
export {
  decodeAnswer,
  decodeInvoke,
  decodeResponseHead,
  decodeSettled,
  encodeInvoke,
  encodeResponseHead,
  encodeSettled,
  problemOfHead,
} from "./heads.ts";
export { LineSplitter, maxLineLength } from "./lines.ts";
export * from "./messages.ts";
export {
  decodeAdopt,
  decodeCancel,
  decodeCredit,
  decodeFailure,
  decodeInit,
  decodeOutput,
  decodeReady,
  encode,
} from "./payloads.ts";
