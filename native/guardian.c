/* The guardian. It makes nothing and decides nothing: it hands signals down, reaps, and ends when nobody is
 * left below it, so that a start that comes after it finds no process of this server. Without it, after a
 * kill -9 of the warden, a zygote's pid namespace lasts until the machine's first process has reaped all that
 * were in it. */
#include "guardian.h"
#include "caps.h"
#include "fds.h"
#include "seccomp.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* How long those that a killed warden left may take to end: the kernel kills all but tsfnd, which is asked to
 * stop. When the guardian goes, they are told once more. */
#define ORPHANS_S 10

struct guardian {
    pid_t warden; /* 0 once it is reaped */
    int status;
    time_t deadline;
};

static time_t now_s(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

/* False when there is nobody to wait for. */
static bool reap(struct guardian *g) {
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (pid != g->warden) continue;
        g->warden = 0;
        g->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        g->deadline = now_s() + ORPHANS_S;
    }
    return pid == 0 || errno != ECHILD;
}

static int watch(struct guardian *g, const sigset_t *set) {
    const struct timespec second = {.tv_sec = 1};
    while (reap(g)) {
        int signal = g->warden == 0 ? sigtimedwait(set, NULL, &second) : sigwaitinfo(set, NULL);
        if (g->warden == 0 && now_s() >= g->deadline) break;
        if (signal > 0 && signal != SIGCHLD && g->warden != 0) kill(g->warden, signal);
    }
    return g->status;
}

/* It is root, so that it may signal the warden, which is; and has no more of root than that. */
static int harden(bool die_with_parent, pid_t parent, struct failure *f) {
    if (chdir("/") < 0) return fail(f, "leave the working directory", "chdir");
    if (fds_keep_only((const int[]){STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}, 3, f) < 0) return -1;
    if (prctl(PR_SET_DUMPABLE, 0) < 0 || prctl(PR_SET_NAME, "tsfn-guardian") < 0)
        return fail(f, "harden the guardian", "prctl");
    if (caps_drop_bounding(f) < 0 || caps_drop_all(f) < 0 || caps_no_new_privs(f) < 0) return -1;
    if (die_with_parent) {
        if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0) return fail(f, "die with the parent", "prctl");
        if (getppid() != parent) raise(SIGTERM);
    }
    return seccomp_apply(FILTER_INSTANCE, f);
}

/* In the warden: asked to stop when the guardian is gone, for there is nobody then to reap what it leaves. */
static int become_warden(const sigset_t *mask, pid_t guardian) {
    sigprocmask(SIG_SETMASK, mask, NULL);
    if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0) {
        perror("warden: cannot die with the guardian");
        _exit(1);
    }
    if (getppid() != guardian) _exit(1);
    return -1;
}

int guardian_start(bool die_with_parent) {
    static const int caught[] = {SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGQUIT};
    struct failure f;
    struct guardian g = {.status = 1};
    sigset_t set, before;
    pid_t parent = getppid(), self = getpid();
    sigemptyset(&set);
    for (unsigned i = 0; i < sizeof caught / sizeof caught[0]; i++)
        sigaddset(&set, caught[i]);
    sigprocmask(SIG_BLOCK, &set, &before);
    if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0 || (g.warden = fork()) < 0) {
        perror("warden: cannot start its guardian");
        return 1;
    }
    if (g.warden == 0) return become_warden(&before, self);
    if (harden(die_with_parent, parent, &f) < 0) {
        fprintf(stderr, "warden: cannot %s: %s: %s; run `tsfn doctor`\n", f.step, f.detail, strerror(f.err));
        kill(g.warden, SIGTERM);
    }
    return watch(&g, &set);
}
