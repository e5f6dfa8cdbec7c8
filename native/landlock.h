/* Landlock: signals and abstract unix sockets are scoped to the sandbox. Files are not restricted here: */
/* rules are tied to inodes, and the writable layer is swapped under a running instance (docs/decisions). */
#ifndef TSFN_LANDLOCK_H
#define TSFN_LANDLOCK_H

#include "error.h"

/* 0 also where the kernel has no Landlock scopes (ABI < 6): probe.c reports that. Needs no_new_privs. */
int landlock_scope(struct failure *f);

#endif
