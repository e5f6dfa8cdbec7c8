/* Runs in what becomes an instance or a zygote, before its exec, and in a clone. The order matters: what
 * needs a capability comes before the uid changes, and the system call filter is last. */
#include "locks.h"
#include "caps.h"
#include "landlock.h"
#include "limits.h"

#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

static int become(uid_t uid, struct failure *f) {
    if (setgroups(0, NULL) < 0) return fail(f, "become the function", "setgroups");
    if (setresgid(uid, uid, uid) < 0) return fail(f, "become the function", "gid %u", uid);
    if (setresuid(uid, uid, uid) < 0) return fail(f, "become the function", "uid %u", uid);
    if (setsid() < 0) return fail(f, "become the function", "setsid");
    /* The change made /proc/self root's; an exec would give it back, and a clone has none before it. Nobody
     * else can trace it for that: it is alone in its pid namespace. */
    if (prctl(PR_SET_DUMPABLE, 1) < 0) return fail(f, "become the function", "dumpable");
    umask(022);
    return 0;
}

/* A change of uid forgets the request, so it comes after. The warden may have died before it took effect;
 * then nobody reads the status any more. */
static int die_with_warden(int status, struct failure *f) {
    struct pollfd reader = {.fd = status, .events = 0};
    if (status < 0) return 0;
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0) return fail(f, "die with the warden", "prctl");
    if (poll(&reader, 1, 0) > 0) _exit(1);
    return 0;
}

int locks_close(const struct locks *l, struct failure *f) {
    if (limits_apply(l->open_files, f) < 0) return -1;
    if (caps_drop_bounding(f) < 0) return -1;
    if (become(l->uid, f) < 0) return -1;
    if (caps_drop_all(f) < 0) return -1;
    if (die_with_warden(l->parent, f) < 0) return -1;
    if (chdir(l->cwd) < 0) return fail(f, "enter the working directory", "%s", l->cwd);
    if (caps_no_new_privs(f) < 0) return -1;
    if (landlock_scope(f) < 0) return -1;
    return seccomp_apply(l->filter, f);
}
