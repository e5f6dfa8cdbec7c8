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

/* A zygote's sandbox has the host's user namespace, in which its zygote is nobody: from one of its own it
 * could not enter another. */
enum user_namespace { USER_NAMESPACE_OWN, USER_NAMESPACE_HOST };

/* In the maker: a new one of each. Its groups must be joined before, they become the root of what it sees. */
int namespaces_unshare(enum user_namespace user, struct failure *f);
/* In the warden: holds the namespaces of a process, which may then go. */
int namespaces_open(struct namespaces *ns, pid_t pid, struct failure *f);
void namespaces_close(struct namespaces *ns);
/* All but the mount namespace, which the warden itself visits (root_swap). */
void namespaces_close_but_mounts(struct namespaces *ns);
#define NAMESPACE_MNT 1
/* In the warden, which visits the uts namespace of a child and comes back. */
int namespaces_set_hostname(pid_t pid, const char *hostname, struct failure *f);
/* In the warden, which visits a network namespace: what it returns is for the way home. */
int namespaces_visit_network(int away, struct failure *f);
void namespaces_come_home(int home);
#define NAMESPACE_NET 4
/* Moves the calling process into all of them. Its children are then born in new pid and time namespaces. */
int namespaces_enter(const struct namespaces *ns, enum user_namespace user, struct failure *f);
/* The same in two steps, for a clone: its root is still being made when it is forked. */
int namespaces_enter_but_mounts(const int *fds, struct failure *f);
int namespaces_enter_mounts(int fd, struct failure *f);

#endif
