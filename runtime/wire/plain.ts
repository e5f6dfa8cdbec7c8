// A look at a msgpack payload before the library reads it: only nil, booleans, numbers, strings, bytes, arrays and maps,
// nested little, with no count that the bytes at hand cannot fill. Extensions (records, dates, regular expressions) are
// refused here because msgpackr would act on them, and a count because it would allocate for it.

import { ProtocolError } from "./frames.ts";

/** An object whose fields are lists or maps of scalars: the deepest message there is. */
const maxDepth = 3;

/** @throws ProtocolError when `bytes` is not exactly one plain value. */
export function assertPlain(bytes: Buffer): void {
  /** Values still to come, per level; the first level is the payload itself. */
  const open = [1];
  let at = 0;
  while (open.length > 0) {
    const level = open.length - 1;
    const left = open[level] ?? 0;
    if (left === 0) {
      open.pop();
      continue;
    }
    open[level] = left - 1;
    const token = bytes[at];
    if (token === undefined) throw new ProtocolError("a payload ends in the middle of a value");
    at += 1;
    const children = childrenOf(bytes, token, at);
    at += sizeOf(bytes, token, at);
    if (at + children > bytes.length) {
      throw new ProtocolError(`a payload of ${bytes.length} bytes declares more than it holds`);
    }
    if (children === 0) continue;
    if (open.length > maxDepth) throw new ProtocolError(`a payload is nested deeper than ${maxDepth} levels`);
    open.push(children);
  }
  if (at !== bytes.length) throw new ProtocolError("a payload goes on after its value");
}

/** How many values follow inside the one that begins with `token`. */
function childrenOf(bytes: Buffer, token: number, at: number): number {
  if (token >= 0x80 && token <= 0x8f) return 2 * (token & 0x0f);
  if (token >= 0x90 && token <= 0x9f) return token & 0x0f;
  if (token === 0xdc) return unsigned(bytes, at, 2);
  if (token === 0xdd) return unsigned(bytes, at, 4);
  if (token === 0xde) return 2 * unsigned(bytes, at, 2);
  if (token === 0xdf) return 2 * unsigned(bytes, at, 4);
  return 0;
}

/** How many bytes of its own a value has after `token`: its count and its content, children not included. */
function sizeOf(bytes: Buffer, token: number, at: number): number {
  if (token <= 0x9f || token >= 0xe0) return 0;
  if (token <= 0xbf) return token & 0x1f;
  switch (token) {
    case 0xc0:
    case 0xc2:
    case 0xc3:
      return 0;
    case 0xc4:
    case 0xd9:
      return 1 + unsigned(bytes, at, 1);
    case 0xc5:
    case 0xda:
      return 2 + unsigned(bytes, at, 2);
    case 0xc6:
    case 0xdb:
      return 4 + unsigned(bytes, at, 4);
    case 0xcc:
    case 0xd0:
      return 1;
    case 0xcd:
    case 0xd1:
    case 0xdc:
    case 0xde:
      return 2;
    case 0xca:
    case 0xce:
    case 0xd2:
    case 0xdd:
    case 0xdf:
      return 4;
    case 0xcb:
    case 0xcf:
    case 0xd3:
      return 8;
    default:
      throw new ProtocolError(`a payload holds the token 0x${token.toString(16)}; extensions are not allowed`);
  }
}

function unsigned(bytes: Buffer, at: number, size: number): number {
  if (at + size > bytes.length) throw new ProtocolError("a payload ends in the middle of a count");
  return bytes.readUIntBE(at, size);
}
