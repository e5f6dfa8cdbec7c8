/* The table of sandboxes and their lives: made, running, ended, removed. */
#ifndef TSFN_SANDBOXES_H
#define TSFN_SANDBOXES_H

#include "child.h"
#include "contain.h"
#include "loop.h"
#include "message.h"
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

/* A reply that is owed once something has happened; request 0: none. */
struct owed {
    uint16_t verb;
    uint32_t request;
};

/* From the request for a sandbox to the end of its maker. */
struct making {
    struct owed owed;
    struct watch talk;      /* with the maker, and with whoever is to become it */
    bool is_done;           /* as the maker told */
    struct failure failure; /* step NULL: none so far */
};

/* A clone is no child of the warden: pause tells how it ended, its pidfd that it did. */
enum clone_phase {
    CLONE_NONE,
    CLONE_ASKED,
    CLONE_BORN, /* held, and tsfnd knows of it */
    CLONE_LIVES /* nothing but its end is awaited */
};

struct clone {
    enum clone_phase phase;
    struct sandbox *zygote; /* NULL once its sandbox is gone */
    struct fork_times times;
    struct failure failure; /* of its start; step NULL: none so far */
    pid_t inner;            /* its pid as pause counts */
    struct watch pidfd;
    int64_t deadline_ms; /* for the start, and for pause's word after the end */
    bool reported;       /* by pause */
};

struct sandbox {
    struct sandbox_spec spec;
    unsigned slot; /* place in the table, and of its uids */
    uint8_t state; /* PROTO_STATE_* */
    struct namespaces ns;
    int layer;        /* the writable layer (struct root); -1 while it has none */
    struct watch oom; /* readable when the group ran out of memory */
    bool was_oom;
    bool has_network; /* or was to have one (egress.c) */

    struct making making;

    /* The start. */
    struct watch status;
    struct owed start;
    struct instance_ends ends; /* until tsfnd has them */
    struct guest_ends guest;   /* of one that will be forked into, until then */
    struct report report;      /* what pid 1 told last */
    pid_t stage;               /* 0 once it is reaped */
    pid_t pid;                 /* of the program; kept after its end */
    siginfo_t end;             /* of the program, once it is reaped; the stage may be reaped later */
    bool started;              /* tsfnd knows of the process */
    bool announced;            /* and is to be told of its end */

    struct clone clone;
    pid_t searcher; /* who looks for its working set; 0: nobody */
    struct owed search;

    /* Of a zygote's sandbox. */
    int channel;
    struct watch pause;
    int64_t progress_ms;  /* when a fork of it last came to an end */
    uint64_t progress_ns; /* when the latest of those had begun */

    /* What it leaves (remains.c). */
    unsigned remains;  /* how many things of it the closer still has */
    struct owed reset; /* begun, if is_reset, and answered when there are no remains; else begun then */
    bool is_reset;
    struct root
        next;        /* of an instance that has been reset: for the next time; ROOT_NONE when there is none */
    bool is_vacated; /* no process is left, and what held it is handed over */

    /* The end. */
    struct owed removal; /* a destroy, or a create that failed */
    bool is_unmade;      /* the latter, which is answered with its failure */
    unsigned removal_tries;
};

/* Whose watch it is. */
#define owner_of(watch_pointer, member)                                                                      \
    ((struct sandbox *)(void *)((char *)(watch_pointer)-offsetof(struct sandbox, member)))

struct sandboxes {
    struct sandbox *slots[PROTO_MAX_SANDBOXES];
    unsigned next; /* where the search for a free slot begins: uids are not used again at once */
    int count;
    int removing;      /* how many wait for another try */
    int waiting;       /* how many clones have a deadline */
    struct born *born; /* shared with stages and the foreman, by slot */
};

/* The last slot's uids are the zygotes' (user.h). */
#define USABLE_SLOTS (PROTO_MAX_SANDBOXES - 1)

int sandboxes_open(struct sandboxes *table, struct failure *f);
struct sandbox *sandboxes_find(struct sandboxes *table, const char *id);

/* Each of these sends the reply, now or later. */
void sandbox_create(struct warden *w, const struct sandbox_spec *spec, struct owed owed);
void sandbox_start(struct warden *w, struct sandbox *s, const struct program *program, struct owed owed);
void sandbox_fork(struct warden *w, struct sandbox *s, struct sandbox *zygote,
                  const struct sandbox_spec *claim, struct owed owed);
void sandbox_destroy(struct warden *w, struct sandbox *s, struct owed owed);

/* Of its program, while that runs; otherwise 0. */
pid_t sandbox_pid(const struct warden *w, const struct sandbox *s);
struct sandbox_uids sandbox_uids(const struct warden *w, const struct sandbox *s);
/* Every process of it, by SIGKILL; of a zygote's sandbox only the zygote, for the others are its clones'. */
void sandbox_kill(struct warden *w, struct sandbox *s);
/* Of a zygote's sandbox: the zygote with all it has forked, its clones too. */
void sandbox_kill_all(struct warden *w, struct sandbox *s);
/* A child of the warden was reaped: true if it was one of a sandbox. */
bool sandboxes_child_ended(struct warden *w, const siginfo_t *info);
/* Another try for the sandboxes whose groups were busy; clones that are overdue. */
void sandboxes_retry(struct warden *w);
void sandboxes_destroy_all(struct warden *w);

/* NULL: there is no room. */
struct sandbox *sandboxes_add(struct sandboxes *table, const struct sandbox_spec *spec);
void sandbox_forget(struct sandboxes *table, struct sandbox *s);

/* Between sandboxes.c and making.c: tsfnd's ends, before the reply to that request; the maker was reaped; it
 * is to give up. */
int sandbox_send_ends(struct warden *w, struct sandbox *s, uint32_t request, struct failure *f);
void making_ended(struct warden *w, struct sandbox *s);
void making_cancel(struct warden *w, struct sandbox *s);

/* The searcher is done, unless `f` tells why it is not. */
void sandbox_searched(struct warden *w, struct sandbox *s, const struct failure *f);

/* Between sandboxes.c and clones.c. */
bool sandbox_alive(const struct warden *w, const struct sandbox *s);
void sandbox_start_failed(struct warden *w, struct sandbox *s, const struct failure *f);
void sandbox_reply_started(struct warden *w, struct sandbox *s);
/* No process of it is left. */
void sandbox_all_gone(struct warden *w, struct sandbox *s);
/* Pause has spoken, or its socket closed. */
void clones_pause_ready(struct warden *w, struct watch *watch, uint32_t events);
/* Pause is gone, and what was in its pid namespace went before it. */
void clones_end_with_pause(struct warden *w, struct sandbox *zygote);
void clones_check_deadlines(struct warden *w);
/* Whoever is about to become a clone is told to give up. */
void clone_cancel(struct sandbox *s);
int64_t clock_now_ms(void);

#endif
