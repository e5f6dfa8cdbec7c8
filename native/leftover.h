/* The state directory: one warden at a time, and what it would leave behind if it were killed. */
#ifndef TSFN_LEFTOVER_H
#define TSFN_LEFTOVER_H

#include "cgroup.h"

/* Takes <data_dir>/warden. -1 with EWOULDBLOCK: another warden holds it, and the detail says which. Returns a
 * descriptor of the directory; the lock is held until the process ends. */
int leftover_lock(const char *data_dir, struct failure *f);
/* Kills and removes what the journal names, and what bears this server's name. */
int leftover_clear(int state, const struct cgroups *c, struct failure *f);
/* Writes the names down, to the disk, before anything is made under them. */
int leftover_record(int state, const struct cgroups *c, struct failure *f);

#endif
