/* The closer: the process that closes what takes long to close. The kernel frees a file system in the task
 * that drops the last reference, about 4 µs for each file in it, and the warden has better to do. */
#ifndef TSFN_CLOSER_H
#define TSFN_CLOSER_H

#include "loop.h"
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define CLOSER_CGROUP "_closer"

struct closer {
    struct watch link; /* packets: a number with a descriptor there, the number back; -1: no closer */
    int go;            /* pipe: a byte for each descriptor that the warden itself has closed */
    unsigned held;     /* descriptors that are there */
    pid_t pid;         /* 0 once it is reaped */
};

/* Makes its control group and starts it. If it ends, the next descriptor starts another. */
int closer_open(struct warden *w, struct failure *f);
/* Ends it. */
void closer_close(struct warden *w);
/* Hands *fd over and sets it to -1. True: once it is closed, remains_closed() is told the number. False: it
 * had to be closed here, and is. */
bool closer_take(struct warden *w, int *fd, uint32_t number);
/* Its process was reaped, and with it went all that it held: true if `pid` was the closer's. The caller then
 * tells everyone who waits. */
bool closer_ended(struct warden *w, pid_t pid);

#endif
