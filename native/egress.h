/* The way out of a sandbox: none of its packets leaves its network namespace, which has a loopback device and
 * nothing else. Every address is made local in it, and connections to any but its own are turned to one
 * listening socket, which somebody outside accepts on: the local address of what comes out of accept() is
 * where the connection was to go (docs/decisions/0014). */
#ifndef TSFN_EGRESS_H
#define TSFN_EGRESS_H

#include "error.h"
#include "sandboxes.h"

/* All close-on-exec, non-blocking and in the sandbox's network namespace. */
struct egress {
    int connections;         /* listens for all that goes out */
    int names, name_streams; /* of the name server: UDP, and TCP, which listens */
};
#define NO_EGRESS ((struct egress){-1, -1, -1})
#define cleanup_egress __attribute__((cleanup(egress_close)))

/* For the calling process's network namespace, whose loopback is up. Once in each. */
int egress_open(struct egress *e, struct failure *f);
void egress_close(struct egress *e);

/* In the warden: for the network namespace of a sandbox that has no process yet. Sends the reply. */
void sandbox_open_network(struct warden *w, struct sandbox *s, struct owed owed);

#endif
