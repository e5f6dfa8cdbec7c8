/* Descriptors: closing what must not be inherited, placing what must. */
#ifndef TSFN_FDS_H
#define TSFN_FDS_H

#include "error.h"

/*
 * Makes descriptor i of this process the descriptor wanted[i] for i < count, closes every other one. None of
 * the kept ones is close-on-exec afterwards. Safe where the sets overlap.
 */
int fds_keep_only(const int *wanted, int count, struct failure *f);

#define cleanup_fd __attribute__((cleanup(fd_close)))
/* Closes *fd unless it is negative; for the cleanup attribute. errno is kept. */
void fd_close(int *fd);

#endif
