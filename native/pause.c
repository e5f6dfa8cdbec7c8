/* Pause reaps the clones, whose parents end right after forking them, and tells the warden, which knows them
 * by other numbers. */
#include "pause.h"
#include "resident.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static void reap(int warden) {
    siginfo_t info = {0};
    while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG) == 0 && info.si_pid != 0) {
        struct pause_report report = {.pid = info.si_pid, .code = info.si_code, .status = info.si_status};
        if (write(warden, &report, sizeof report) < 0) _exit(1); /* it is gone */
        info.si_pid = 0;
    }
}

_Noreturn void pause_become(int warden, uid_t uid) {
    struct failure f;
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, NULL);
    /* The zygote's start fails when the warden sees its end. */
    if (resident_become(&warden, 1, uid, "tsfn-pause", &f) < 0) _exit(1);
    for (;;) {
        reap(0);
        sigwaitinfo(&set, NULL);
    }
}
