/* How long a process may run on while others wait, and how soon it runs once it is woken: the length of its
 * slice under the fair scheduler (sched_setattr(2), since Linux 6.12). Its share of the processor stays what
 * it is. An older kernel takes the call and changes nothing. */
#ifndef TSFN_SLICE_H
#define TSFN_SLICE_H

#include "error.h"

/* In microseconds. Every call passes through tsfnd, twice. */
#define SLICE_OF_DAEMON_US 100u
/* An instance, once it is one. */
#define SLICE_OF_INSTANCE_US 300u
/* Whatever is being started: it gives way to all that is awake for a call. */
#define SLICE_OF_START_US 20000u

/* Of the calling thread, and of all that it starts from then on. */
int slice_set(unsigned us, struct failure *f);

#endif
