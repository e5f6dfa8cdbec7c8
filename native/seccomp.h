/* The system call filter of an instance: an allow-list, made once by filter_gen.c, applied last. */
#ifndef TSFN_SECCOMP_H
#define TSFN_SECCOMP_H

#include "error.h"

/* Installs the filter for this machine's architecture on every thread. Needs no_new_privs. */
int seccomp_apply(struct failure *f);

#endif
