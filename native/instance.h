/* The last steps before an exec: a process in its sandbox closes every lock behind itself and becomes the
 * program. */
#ifndef TSFN_INSTANCE_H
#define TSFN_INSTANCE_H

#include "contain.h"

struct instance_fds {
    int status, wire, out, err, tickets;
    int channel; /* a zygote's, -1 for an instance */
};

/* In the stage: when memory is short, instances go before what serves them. `proc` is the host's /proc. */
int instance_prefer_for_oom(int proc, struct failure *f);
/* In the new process, which is root in its user namespace: ends in execve, or in _exit with the failure told
 * over status. `uid` is whom it becomes, as that namespace counts. */
_Noreturn void instance_become(const struct program *program, uid_t uid, uint64_t open_files,
                               const struct instance_fds *fds);

#endif
