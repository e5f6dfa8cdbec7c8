/* The last steps: pid 1 of a sandbox closes every lock behind itself and becomes the program. */
#ifndef TSFN_INSTANCE_H
#define TSFN_INSTANCE_H

#include "contain.h"

struct instance_fds {
    int status, wire, out, err;
};

/* In the stage, still outside: when memory is short, instances go before what serves them. */
int instance_prefer_for_oom(struct failure *f);
/* In pid 1, which is root in its user namespace: ends in execve, or in _exit with the failure told over
 * status. */
_Noreturn void instance_become(const struct program *program, uint64_t open_files,
                               const struct instance_fds *fds);

#endif
