/* Residents: forks of the warden that stay, without an exec, to do one thing for it: pause.c, closer.c. */
#ifndef TSFN_RESIDENT_H
#define TSFN_RESIDENT_H

#include "error.h"
#include <sys/types.h>

/* In the fork: gives up all descriptors but these, of which number i is i afterwards; the first is a socket
 * to the warden. It ends with the warden, and is locked in as an instance is. `name` is what lists of
 * processes show. */
int resident_become(const int *fds, int count, uid_t uid, const char *name, struct failure *f);

#endif
