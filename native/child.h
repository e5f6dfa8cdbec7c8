/* Children of the warden before they exec: how they are born, and what they tell the warden over a pipe or
 * packet socket that closes when they exec or end. */
#ifndef TSFN_CHILD_H
#define TSFN_CHILD_H

#include "error.h"
#include <stdint.h>
#include <sys/types.h>

/* Forks a child into the v2 group `cgroup`, or where it is if that is negative. 0 in the child, with the
 * signal handling of a fresh process. */
pid_t child_fork(int cgroup);
/* Forks the warden's child instead of the caller's. Its pid is in *born before it runs, for both to see. */
pid_t child_fork_sibling(pid_t *born, int cgroup);

enum report_kind { REPORT_FAILED, REPORT_NAMESPACES, REPORT_DONE };

/* At most PIPE_BUF bytes, so it arrives whole. The step of a failure is a literal: it is at the same address
 * in the warden, of which the sender is a fork. */
struct report {
    enum report_kind kind;
    struct failure failure;
    uint64_t pid_ns;
    uint64_t time_ns;
};

/* Best effort: when nobody listens any more, nobody needs to know. */
void report_send(int fd, const struct report *report);
void report_failure(int fd, const struct failure *f);
/* Waits for one of the wanted kind; fills in *f from a failure, or with ECHILD when the child ended instead.
 */
int report_await(int fd, enum report_kind wanted, struct failure *f);

#endif
