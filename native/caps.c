/* Gives up every capability of the calling thread and checks that nothing is left. Runs in the process that
 * becomes an instance (contain.c says when) and in tsfnd before its exec (spawn.c). */
#include "caps.h"

#include <linux/capability.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Past the running kernel's last capability both calls fail with EINVAL, so neither
 * /proc/sys/kernel/cap_last_cap nor this compiler's headers are asked. The bound is what the 64 bits of a
 * capability set can hold. */
#define MOST_CAPABILITIES 64

int caps_drop_bounding(struct failure *f) {
    for (unsigned cap = 0; cap < MOST_CAPABILITIES; cap++) {
        if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == 0) continue;
        if (errno == EINVAL && cap > 0) return 0;
        return fail(f, "drop bounding capabilities", "capability %u", cap);
    }
    return 0;
}

static int capset_empty(struct failure *f) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];

    memset(sets, 0, sizeof sets);
    if (syscall(SYS_capset, &header, sets) < 0) return fail(f, "drop capabilities", "capset");
    return 0;
}

static int verify_sets(struct failure *f) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];

    if (syscall(SYS_capget, &header, sets) < 0) return fail(f, "check capabilities", "capget");
    for (int half = 0; half < _LINUX_CAPABILITY_U32S_3; half++) {
        if (sets[half].effective == 0 && sets[half].permitted == 0 && sets[half].inheritable == 0) continue;
        errno = EPERM;
        return fail(f, "check capabilities", "effective %08x permitted %08x inheritable %08x, wanted none",
                    sets[half].effective, sets[half].permitted, sets[half].inheritable);
    }
    return 0;
}

static int verify_bounding(struct failure *f) {
    for (unsigned cap = 0; cap < MOST_CAPABILITIES; cap++) {
        int in = prctl(PR_CAPBSET_READ, cap, 0, 0, 0);
        if (in < 0) return 0;
        if (in == 0) continue;
        errno = EPERM;
        return fail(f, "check capabilities", "capability %u is still bounding", cap);
    }
    return 0;
}

int caps_drop_all(struct failure *f) {
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
        return fail(f, "drop ambient capabilities", "prctl");
    if (capset_empty(f) < 0) return -1;
    /* The ambient set is never larger than the permitted and the inheritable one (capabilities(7)). */
    if (verify_sets(f) < 0) return -1;
    return verify_bounding(f);
}

int caps_no_new_privs(struct failure *f) {
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) return fail(f, "set no_new_privs", "prctl");
    return 0;
}
