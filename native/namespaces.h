/* The six namespaces that a sandbox keeps while no process lives in it; pid and time come with its process.
 */
#ifndef TSFN_NAMESPACES_H
#define TSFN_NAMESPACES_H

#include "error.h"
#include <stdint.h>
#include <sys/types.h>

#define NAMESPACE_COUNT 6

/* In PROTO_SANDBOX_CREATE's order: user mnt ipc uts net cgroup. */
struct namespaces {
    int fds[NAMESPACE_COUNT];
    uint64_t inodes[NAMESPACE_COUNT];
};

/* In the maker: a new one of each. Its groups must be joined before, they become the root of what it sees. */
int namespaces_unshare(struct failure *f);
/* In the warden: holds the namespaces of a process, which may then go. */
int namespaces_open(struct namespaces *ns, pid_t pid, struct failure *f);
void namespaces_close(struct namespaces *ns);
/* Moves the calling process into all of them. Its children are then born in new pid and time namespaces. */
int namespaces_enter(const struct namespaces *ns, struct failure *f);

#endif
