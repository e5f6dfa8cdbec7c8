/* The table of sandboxes and their lives: made, running, ended, removed. */
#ifndef TSFN_SANDBOXES_H
#define TSFN_SANDBOXES_H

#include "child.h"
#include "contain.h"
#include "loop.h"
#include <signal.h>
#include <stdbool.h>

/* A reply that is owed once something has happened; request 0: none. */
struct owed {
    uint16_t verb;
    uint32_t request;
};

struct sandbox {
    char id[PROTO_MAX_ID + 1];
    unsigned slot; /* place in the table, and of its uids */
    uint8_t state; /* PROTO_STATE_* */
    struct cgroup_limits limits;
    uint64_t open_files;
    struct namespaces ns;
    struct watch oom; /* readable when the group ran out of memory */
    bool was_oom;

    /* The start. */
    struct watch status;
    struct owed start;
    struct instance_ends ends;
    struct report report; /* what pid 1 told last */
    pid_t stage;          /* 0 once it is reaped */
    pid_t pid;            /* of pid 1; kept after its end */
    siginfo_t end;        /* of pid 1, once it is reaped; the stage may be reaped later */
    bool announced;       /* tsfnd knows of the process, so it is told of its end */

    /* The end. */
    struct owed removal; /* a destroy, or a create that failed */
    struct failure create_failure;
    unsigned removal_tries;
};

struct sandboxes {
    struct sandbox *slots[PROTO_MAX_SANDBOXES];
    unsigned next; /* where the search for a free slot begins: uids are not used again at once */
    int count;
    int removing; /* how many wait for another try */
    pid_t *born;  /* shared with stages, by slot: a running pid 1, or 0 */
};

int sandboxes_open(struct sandboxes *table, struct failure *f);
struct sandbox *sandboxes_find(struct sandboxes *table, const char *id);

/* Each of these sends the reply, now or later. */
void sandbox_create(struct warden *w, const struct sandbox_spec *spec, struct owed owed);
void sandbox_start(struct warden *w, struct sandbox *s, const struct program *program, struct owed owed);
void sandbox_destroy(struct warden *w, struct sandbox *s, struct owed owed);

/* Every process of it, by SIGKILL. */
void sandbox_kill(struct warden *w, struct sandbox *s);
/* A child of the warden was reaped: true if it was one of a sandbox. */
bool sandboxes_child_ended(struct warden *w, const siginfo_t *info);
/* Another try for the sandboxes whose groups were busy. */
void sandboxes_retry(struct warden *w);
void sandboxes_destroy_all(struct warden *w);

#endif
