/* From the zygote's fork to the first line of JavaScript in the clone. Runs in libtsfn: in the zygote's
 * helper, then in the clone, both with one thread. */
#ifndef TSFN_CLONE_H
#define TSFN_CLONE_H

#include "ending.h"
#include "error.h"
#include "zygote.h"

/* One packet of the channel. */
struct job {
    struct fork_request request;
    int fds[FORK_MOST_FDS]; /* enum fork_fd */
    int count;
    uint64_t marks[MARK_COUNT];
};

#define MOST_HELD 1024
/* 0 to 3: the standard ones and the wire. */
#define STANDARD_FDS 4

/* What the zygote has open. */
struct held {
    int fds[MOST_HELD];
    int count;
    int flags[STANDARD_FDS];
};

/* Found in the running Node: its headers are not needed to build tsfn. */
struct node_parts {
    void *(*default_loop)(void);
    int (*loop_fork)(void *loop);
    struct ending ending;
};
/* 0 or -ENOSYS. */
int node_parts_find(struct node_parts *node);

/* In the helper: into the control groups and the namespaces; every descriptor of the zygote is replaced. */
int clone_prepare(struct job *job, const struct held *held, struct failure *f);
/* Tells the warden; best effort. */
void clone_failed(const struct job *job, const struct failure *f);
/* In the clone: copies its working set, waits for its root and closes every lock behind itself. 0; a clone
 * that cannot ends. */
int clone_become(struct job *job, const struct held *held, const struct node_parts *node,
                 const struct working_set *set);

#endif
