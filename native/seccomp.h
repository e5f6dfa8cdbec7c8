/* System call filters: allow-lists, made ahead by filter_gen.c, applied last. */
#ifndef TSFN_SECCOMP_H
#define TSFN_SECCOMP_H

#include "error.h"

enum filter {
    FILTER_INSTANCE,
    FILTER_ZYGOTE, /* that, and what the fork needs */
    FILTER_CLONE   /* takes the latter back, on top of the zygote's; alone it refuses next to nothing */
};

/* Installs the filter for this machine's architecture on every thread. Needs no_new_privs. */
int seccomp_apply(enum filter which, struct failure *f);

#endif
