/* The length of a slice. In whoever it is for. */
#include "slice.h"

#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

/* <linux/sched/types.h>, which contradicts newer C libraries. */
struct attributes {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
};

int slice_set(unsigned us, struct failure *f) {
    struct attributes now = {.size = sizeof now};
    if (syscall(SYS_sched_getattr, 0, &now, sizeof now, 0) < 0)
        return fail(f, "set the slice", "sched_getattr");
    now.runtime = us * UINT64_C(1000);
    if (syscall(SYS_sched_setattr, 0, &now, 0) < 0) return fail(f, "set the slice", "to %u us", us);
    return 0;
}
