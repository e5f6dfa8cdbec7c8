/* The warden's one wait: descriptors and what to do when they are ready. */
#ifndef TSFN_LOOP_H
#define TSFN_LOOP_H

#include "error.h"
#include <stdint.h>

struct warden;
struct watch;
typedef void watch_ready(struct warden *w, struct watch *watch, uint32_t events);

/* Part of whoever owns the descriptor; -1: nothing is watched. */
struct watch {
    int fd;
    watch_ready *ready;
};

int loop_open(struct failure *f);
int loop_watch(int loop, struct watch *watch, uint32_t events, struct failure *f);
int loop_change(int loop, struct watch *watch, uint32_t events);
/* Its descriptor stays open. */
void loop_ignore(int loop, const struct watch *watch);
/* Closes the descriptor, too. */
void loop_unwatch(int loop, struct watch *watch);
/* Waits at most timeout_ms (-1: for ever) and handles one event. */
int loop_once(int loop, struct warden *w, int timeout_ms, struct failure *f);

#endif
