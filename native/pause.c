/* Pause reaps the clones, whose parents end right after forking them, and tells the warden, which knows them
 * by other numbers. It is the warden's own code without an exec, and holds nothing but its socket. */
#include "pause.h"
#include "fds.h"
#include "locks.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define OPEN_FILES 16

static void reap(int warden) {
    siginfo_t info = {0};
    while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG) == 0 && info.si_pid != 0) {
        struct pause_report report = {.pid = info.si_pid, .code = info.si_code, .status = info.si_status};
        if (write(warden, &report, sizeof report) < 0) _exit(1); /* it is gone */
        info.si_pid = 0;
    }
}

static int become(int *warden, uid_t uid, struct failure *f) {
    if (fds_keep_only(warden, 1, f) < 0) return -1;
    *warden = 0;
    struct locks locks = {
        .uid = uid, .open_files = OPEN_FILES, .cwd = "/", .parent = *warden, .filter = FILTER_INSTANCE};
    if (locks_close(&locks, f) < 0) return -1;
    /* Its memory is a copy of the warden's. In lists of processes it should not pass for it. */
    if (prctl(PR_SET_DUMPABLE, 0) < 0 || prctl(PR_SET_NAME, "tsfn-pause") < 0)
        return fail(f, "hide pause", "prctl");
    return 0;
}

_Noreturn void pause_become(int warden, uid_t uid) {
    struct failure f;
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, NULL);
    /* The zygote's start fails when the warden sees its end. */
    if (become(&warden, uid, &f) < 0) _exit(1);
    for (;;) {
        reap(warden);
        sigwaitinfo(&set, NULL);
    }
}
