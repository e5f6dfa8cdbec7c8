/* Descriptors: closing what must not be inherited, placing what must, taking what is sent. */
#ifndef TSFN_FDS_H
#define TSFN_FDS_H

#include "error.h"

#include <stddef.h>

/*
 * Makes descriptor i of this process the descriptor wanted[i] for i < count, closes every other one. None of
 * the kept ones is close-on-exec afterwards. Safe where the sets overlap.
 */
int fds_keep_only(const int *wanted, int count, struct failure *f);

/*
 * Waits for a packet of exactly `size` bytes that carries 1 to `most` descriptors, all close-on-exec then.
 * How many there are; -1 when the other end is gone or sent something else, and then none is open.
 */
int fds_receive(int socket, void *data, size_t size, int *fds, int most);

#define cleanup_fd __attribute__((cleanup(fd_close)))
/* Closes *fd unless it is negative; for the cleanup attribute. errno is kept. */
void fd_close(int *fd);

#endif
