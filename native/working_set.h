/* What a clone writes to in its first invocation, the next one will write to, too. */
#ifndef TSFN_WORKING_SET_H
#define TSFN_WORKING_SET_H

#include "error.h"
#include "zygote.h"
#include <sys/types.h>

/* Finds what process `pid`, held by `pidfd`, has copied of the memory that it shared with its parent, and
 * tells the zygote at `channel`. It is done by a child of its own, for it waits for locks that the process
 * holds: the pid of that one, whose exit status is 0 when the zygote was told. */
pid_t working_set_share(pid_t pid, int pidfd, int channel, struct failure *f);

#endif
