/* The warden and its children between fork and exec. */
#include "child.h"
#include "syscalls.h"

#include <signal.h>

/* The warden blocks signals and ignores SIGPIPE; an exec would hand both on. */
static void reset_signals(void) {
    sigset_t none;
    sigemptyset(&none);
    signal(SIGPIPE, SIG_DFL);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static void enter_group(struct clone_args *args, int cgroup) {
    if (cgroup < 0) return;
    args->flags |= CLONE_INTO_CGROUP;
    args->cgroup = (uint64_t)cgroup;
}

pid_t child_fork(int cgroup) {
    struct clone_args args = {.exit_signal = SIGCHLD};
    enter_group(&args, cgroup);
    pid_t pid = sys_clone3(&args);
    if (pid == 0) reset_signals();
    return pid;
}

pid_t child_fork_sibling(pid_t *born, int cgroup) {
    /* The exit signal is the caller's own; giving one is an error together with CLONE_PARENT. */
    struct clone_args args = {.flags = CLONE_PARENT | CLONE_PARENT_SETTID, .parent_tid = (uintptr_t)born};
    enter_group(&args, cgroup);
    return sys_clone3(&args);
}

void report_send(int fd, const struct report *report) {
    ssize_t sent = write(fd, report, sizeof *report);
    (void)sent;
}

void report_failure(int fd, const struct failure *f) {
    struct report report = {.kind = REPORT_FAILED, .failure = *f};
    report_send(fd, &report);
}

int report_await(int fd, enum report_kind wanted, struct failure *f) {
    struct report report;
    ssize_t count;
    do {
        count = read(fd, &report, sizeof report);
    } while (count < 0 && errno == EINTR);
    if (count == (ssize_t)sizeof report && report.kind == wanted) return 0;
    if (count == (ssize_t)sizeof report && report.kind == REPORT_FAILED) {
        *f = report.failure;
        return -1;
    }
    errno = ECHILD;
    return fail(f, "await child", "it ended before its work was done");
}
