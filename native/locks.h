/* The last locks of a process that will run a function's code, in the order they close: limits, ids,
 * capabilities, no_new_privs, Landlock, system calls. The same for everyone; who differs in what is here. */
#ifndef TSFN_LOCKS_H
#define TSFN_LOCKS_H

#include "error.h"
#include "seccomp.h"

#include <stdint.h>
#include <sys/types.h>

struct locks {
    uid_t uid; /* and gid, as the process's user namespace counts */
    uint64_t open_files;
    const char *cwd;
    /* The stream to the parent, which is the warden: this process dies with it. -1: it has another parent,
     * whose death is its end anyway. */
    int parent;
    enum filter filter;
};

/* Needs the capabilities of its user namespace; afterwards there are none. */
int locks_close(const struct locks *l, struct failure *f);

#endif
