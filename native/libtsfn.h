/* What Node calls in libtsfn.so, through koffi; runtime/warden/native.ts is the other half. Everything else
 * in the library is hidden. Runs in tsfnd. */
#ifndef TSFN_LIBTSFN_H
#define TSFN_LIBTSFN_H

#include <stdint.h>

#define TSFN_EXPORT __attribute__((visibility("default")))

/*
 * Takes one packet from the lane (PROTO_LANE_FD, made non-blocking by this call's flags alone): the number of
 * the request it answers and the descriptors it carries, all close-on-exec. Returns how many there are, or
 * -errno: -EAGAIN when nothing waits, -EPIPE when the warden is gone, -EPROTO for a packet that is no such
 * answer, -EMSGSIZE when it has more than `max` descriptors. After an error no descriptor is left open.
 */
TSFN_EXPORT int tsfn_lane_receive(int lane_fd, uint32_t *request, int *fds, int max);

#endif
