// The end of a connection that did not end well.

import type { Socket } from "node:net";

/**
 * A reset for the other side; and the socket is closed now, whatever it is in the middle of. Socket.resetAndDestroy alone does
 * neither: it waits for a connection that is still being made, and while an end is on its way libuv refuses (uv_tcp_close_reset,
 * EINVAL), after which Node 26 never closes the descriptor and the thread cannot end any more.
 */
export function reset(socket: Socket): void {
  if (socket.destroyed) return;
  const isEnding = socket.writableEnded && !socket.writableFinished;
  if (socket.connecting || isEnding) socket.destroy();
  else socket.resetAndDestroy();
}
