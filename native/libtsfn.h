/* What Node calls in libtsfn.so, through koffi. Everything else in the library is hidden. In tsfnd
 * runtime/warden/native.ts is the other half, inside a sandbox runtime/guest/native.ts. */
#ifndef TSFN_LIBTSFN_H
#define TSFN_LIBTSFN_H

#include <stdint.h>

#define TSFN_EXPORT __attribute__((visibility("default")))

/*
 * Takes one packet from the lane (PROTO_LANE_FD, made non-blocking by this call's flags alone): the number of
 * the request it answers and the descriptors it carries, all close-on-exec. Returns how many there are, or
 * -errno: -EAGAIN when nothing waits, -EPIPE when the warden is gone, -EPROTO for a packet that is no such
 * answer, -EMSGSIZE when it has more than `max` descriptors, -EMFILE when this process may not open as many:
 * then the number of the request is told as well. After an error no descriptor is left open.
 */
TSFN_EXPORT int tsfn_lane_receive(int lane_fd, uint32_t *request, int *fds, int max);

/* The processor time of all threads of a process so far goes to *milliseconds. 0, or -errno when that cannot
 * be told. */
TSFN_EXPORT int tsfn_cpu_time(int pid, double *milliseconds);

/* 1 when the main thread of a process sleeps, 0 when it runs or could, -errno when that cannot be told. Ten
 * times as dear as tsfn_cpu_time. */
TSFN_EXPORT int tsfn_is_asleep(int pid);

/*
 * 1 when what is sent to this address, as text, is delivered to this machine itself: that of a device, with a
 * link or not, or of a local route. 0 when it is not, or goes nowhere. -EINVAL when it is no address, another
 * -errno when the kernel cannot be asked.
 */
TSFN_EXPORT int tsfn_is_local(const char *address);

/* In a zygote, before anything is loaded: what is done from now on leaves no work for threads that a clone
 * lacks (platform.c). 0 or -errno. */
TSFN_EXPORT int tsfn_zygote_prepare(void);

/*
 * In a zygote: waits on its channel (descriptor 4) and forks a clone for each request. Returns 0 in a clone
 * only, which is complete: in its sandbox behind every lock, descriptors 0 to 3 are its own, the default
 * event loop is renewed; its other descriptors from before are /dev/null under the same numbers. Returns
 * -errno in the zygote: -EPIPE when the warden has closed the channel. Call it outside of any callback of the
 * loop that is to work in a clone.
 */
TSFN_EXPORT int tsfn_zygote_wait(int channel);

/*
 * What shows that the writable layer was written to: inodes of the root, and the change times of `paths`,
 * absolute ones with a newline between each two. `watch` says which, once; 0 or -ENAMETOOLONG. `renew` takes
 * what they look like now for clean; 0 or -errno. `is_dirty` is 1 when anything differs from that, or cannot
 * be told, else 0.
 */
TSFN_EXPORT int tsfn_layer_watch(const char *paths);
TSFN_EXPORT int tsfn_layer_renew(void);
TSFN_EXPORT int tsfn_layer_is_dirty(void);

/* Takes one byte from `fd`: 1, or 0 where there is none, or -errno. */
TSFN_EXPORT int tsfn_take_byte(int fd);

/* Two connected stream sockets, close-on-exec: a wire for a zygote's warm-up. 0 or -errno. */
TSFN_EXPORT int tsfn_socketpair(int *fds);

#endif
