/* What a clone writes to in its first invocation, the next one will write to, too. */
#ifndef TSFN_WORKING_SET_H
#define TSFN_WORKING_SET_H

#include "error.h"
#include "zygote.h"
#include <sys/types.h>

/* Finds what process `pid` has copied of the memory that it shared with its parent. Blocks for a millisecond
 * or two. Returns the number of pages. */
int working_set_find(pid_t pid, struct working_set *set, struct failure *f);
/* Tells a zygote over its channel. */
int working_set_send(int channel, const struct working_set *set, struct failure *f);

#endif
