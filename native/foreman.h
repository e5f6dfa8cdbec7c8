/* The foreman: the process that forks makers. It holds nothing of any sandbox and sees nothing of the host's
 * file systems, and its makers are like it: one costs little, however many sandboxes there are, and keeps
 * nothing of another one alive. */
#ifndef TSFN_FOREMAN_H
#define TSFN_FOREMAN_H

#include "error.h"
#include "mount.h"
#include "proto.h"
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define FOREMAN_CGROUP "_foreman"

struct containment;
struct born;

struct foreman {
    int link;  /* packets: struct maker_plan with descriptors; -1: no foreman */
    pid_t pid; /* 0 once it is reaped */
    struct born *born;
};

/* What a maker is to make. Both ends are of one build, so that the struct is the format. */
struct maker_plan {
    char id[PROTO_MAX_ID + 1];
    char hostname[PROTO_MAX_ID + 1];
    uint8_t kind;  /* PROTO_KIND_* */
    unsigned slot; /* where its pid goes: born[slot].maker */
};

/* Makes its control group and starts it. If it ends, the next plan starts another. `born` is memory that it
 * will share. */
int foreman_open(struct containment *c, struct born *born, struct failure *f);
/* Ends it. */
void foreman_close(struct containment *c);
/* Has a maker forked, as a child of the warden, into the v2 group `cgroup` unless that is negative. Whoever
 * is to become the maker holds `talk`, and failures come over it (struct report), the foreman's own, too.
 * Takes no descriptor away. root->layer is not passed on. */
int foreman_ask(struct containment *c, const struct maker_plan *plan, const struct root *root, int talk,
                int cgroup, struct failure *f);
/* True if `pid` was the foreman's. */
bool foreman_ended(struct containment *c, pid_t pid);

#endif
