/* Resource limits of one process (setrlimit). Runs in the process that will become an instance. */
#ifndef TSFN_LIMITS_H
#define TSFN_LIMITS_H

#include "error.h"
#include <stdint.h>

/* NOFILE as given (at most 1024), CORE 0, SIGPENDING 1024, MEMLOCK 64 KiB, MSGQUEUE 0; oom_score_adj is the
 * warden's to raise. */
int limits_apply(uint64_t open_files, struct failure *f);

#endif
