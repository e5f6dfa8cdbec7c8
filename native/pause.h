/* Pid 1 of a zygote's sandbox. It is not the zygote, so that a zygote can end while its clones live on. */
#ifndef TSFN_PAUSE_H
#define TSFN_PAUSE_H

#include "error.h"
#include <sys/types.h>

/* What it sends over its packet socket: a process that was orphaned in its pid namespace has ended. */
struct pause_report {
    pid_t pid;  /* as pause counts */
    int code;   /* si_code */
    int status; /* si_status */
};

/* Runs in a fork of the stage; ends with the warden or when it is killed, and every clone with it. */
_Noreturn void pause_become(int warden, uid_t uid);

#endif
