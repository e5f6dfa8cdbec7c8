/* The descriptors between tsfnd and one process in a sandbox: wire, stdout, stderr, the tickets, and the
 * status over which the warden learns how its start goes. Tickets are a pipe with a byte for each invocation
 * sent ahead of its turn: the process takes one before it begins such an invocation, tsfnd takes one back to
 * revoke it, and the kernel lets only one of them have it. */
#ifndef TSFN_ENDS_H
#define TSFN_ENDS_H

#include "error.h"
#include <sys/types.h>

/* The warden's ends. All close-on-exec. */
struct instance_ends {
    int status; /* non-blocking; its end is the moment of exec, or of death */
    int wire, out, err, tickets;
};

/* The other ends, for the process. */
struct guest_ends {
    int status, wire, out, err, tickets;
};

#define NO_ENDS                                                                                              \
    { -1, -1, -1, -1, -1 }

enum status_kind {
    STATUS_PIPE,  /* from the process to the warden: struct report */
    STATUS_SOCKET /* packets both ways, which tell who sends them: a clone's */
};

/* All but the status. `owner` is whom the process runs as, in the host's terms. On failure what was made is
 * still in both. */
int ends_open(struct instance_ends *ours, struct guest_ends *theirs, uid_t owner, struct failure *f);
/* The status; as for ends_open on failure. */
int status_open(int *ours, int *theirs, enum status_kind kind, struct failure *f);
void ends_close(struct instance_ends *ours);
void guest_ends_close(struct guest_ends *theirs);

#endif
