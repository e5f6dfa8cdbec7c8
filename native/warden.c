/* The warden: the small root process that makes and destroys kernel objects for tsfnd. This file is its life:
 * start, wait, end. What it can be asked for is requests.c; how a sandbox is made is contain.c. */
#include "warden.h"
#include "guardian.h"
#include "leftover.h"
#include "probe.h"
#include "remains.h"
#include "spawn.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* How long tsfnd may take to end without its connection, and then the sandboxes to die. What remains is the
 * next start's to remove. */
#define END_MS 10000
#define RETRY_MS 2
/* How often clones that are awaited are looked for. */
#define OVERDUE_MS 50

static void complain(const struct failure *f, const char *remedy) {
    fprintf(stderr, "warden: cannot %s: %s: %s; %s\n", f->step, f->detail, strerror(f->err), remedy);
}

static void forward_stop(struct warden *w) {
    w->stop_signals++;
    if (w->tsfnd != 0) kill(w->tsfnd, w->stop_signals == 1 ? SIGTERM : SIGKILL);
}

/* As a shell has it: a signal's number is told from 128 on. */
static int exit_status(const siginfo_t *info) {
    return info->si_code == CLD_EXITED ? info->si_status : 128 + info->si_status;
}

/* Children are told apart by their numbers, which are theirs until they are reaped here. */
static void reap(struct warden *w) {
    siginfo_t info = {0};
    while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG) == 0 && info.si_pid != 0) {
        if (closer_ended(w, info.si_pid)) {
            remains_all_closed(w);
        } else if (foreman_ended(&w->containment, info.si_pid)) {
            /* Whoever waits for a maker learns it from the end of the talk. */
        } else if (info.si_pid == w->tsfnd) {
            w->tsfnd = 0;
            w->tsfnd_status = exit_status(&info);
        } else {
            /* False for an orphan of tsfnd, which nobody waits for. */
            sandboxes_child_ended(w, &info);
        }
        info.si_pid = 0;
    }
}

static void signals_ready(struct warden *w, struct watch *watch, uint32_t events) {
    (void)events;
    struct signalfd_siginfo signal;
    if (read(watch->fd, &signal, sizeof signal) != (ssize_t)sizeof signal) return;
    if (signal.ssi_signo == SIGCHLD)
        reap(w);
    else
        forward_stop(w);
}

static int watch_signals(struct warden *w, struct failure *f) {
    static const int caught[] = {SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGQUIT};
    sigset_t set;
    sigemptyset(&set);
    for (unsigned i = 0; i < sizeof caught / sizeof caught[0]; i++)
        sigaddset(&set, caught[i]);
    signal(SIGPIPE, SIG_IGN);
    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0) return fail(f, "block signals", "sigprocmask");
    w->signals = (struct watch){.fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK), .ready = signals_ready};
    if (w->signals.fd < 0) return fail(f, "watch signals", "signalfd");
    return loop_watch(w->loop, &w->signals, EPOLLIN, f);
}

/* Twelve for each sandbox here, three for each instance in tsfnd, which inherits the limit: as many as there
 * may be. */
static int raise_open_files(struct failure *f) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0) return fail(f, "raise open files", "getrlimit");
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
        return fail(f, "raise open files", "to %llu", (unsigned long long)limit.rlim_max);
    return 0;
}

static int harden(struct failure *f) {
    umask(077);
    if (chdir("/") < 0) return fail(f, "leave the working directory", "chdir");
    /* Nobody may trace it or read its memory through /proc, whatever tsfnd's user becomes. */
    if (prctl(PR_SET_DUMPABLE, 0) < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
        return fail(f, "harden the warden", "prctl");
    return raise_open_files(f);
}

/* In the order of what would be left behind by a crash: names are on the disk before anything bears them. */
static int make_places(struct warden *w, int state, struct failure *f) {
    struct containment *c = &w->containment;
    if (leftover_clear(state, &c->cgroups, f) < 0) return -1;
    if (mounts_make(&c->mounts, w->options.data_dir, w->options.program, f) < 0) return -1;
    if (uid_block_claim(&c->uids, f) < 0) return -1;
    if (leftover_record(state, &c->cgroups, f) < 0) return -1;
    return cgroups_make(&c->cgroups, f);
}

static int start(struct warden *w, int state, struct failure *f) {
    int theirs[2] = {-1, -1};
    if (make_places(w, state, f) < 0 || sandboxes_open(&w->sandboxes, f) < 0) return -1;
    w->loop = loop_open(f);
    if (w->loop < 0 || watch_signals(w, f) < 0 || control_open(&w->control, w->loop, theirs, f) < 0)
        return -1;
    if (spawn_tsfnd(w, theirs, f) < 0 || closer_open(w, f) < 0) return -1;
    return foreman_open(&w->containment, w->sandboxes.born, f);
}

static int once(struct warden *w, int timeout_ms, struct failure *f) {
    if (w->sandboxes.waiting > 0) timeout_ms = OVERDUE_MS;
    if (w->sandboxes.removing > 0) timeout_ms = RETRY_MS;
    int result = loop_once(w->loop, w, timeout_ms, f);
    sandboxes_retry(w);
    return result;
}

/* A broken connection cannot be mended: tsfnd is asked to stop, as it would be by a signal, and then made to.
 */
static int serve(struct warden *w, struct failure *f) {
    while (w->tsfnd != 0 && !w->control.closed)
        if (once(w, -1, f) < 0) return -1;
    if (w->tsfnd != 0 && w->stop_signals == 0) forward_stop(w);
    for (int64_t deadline = clock_now_ms() + END_MS; w->tsfnd != 0;) {
        if (once(w, RETRY_MS, f) < 0) return -1;
        if (clock_now_ms() >= deadline && w->tsfnd != 0) kill(w->tsfnd, SIGKILL);
    }
    return 0;
}

static void end(struct warden *w) {
    struct failure f;
    int64_t deadline = clock_now_ms() + END_MS;
    control_close(w);
    foreman_close(&w->containment);
    sandboxes_destroy_all(w);
    while (w->sandboxes.count > 0 && clock_now_ms() < deadline) {
        if (once(w, RETRY_MS, &f) < 0) break;
    }
    closer_close(w);
    if (cgroups_remove(&w->containment.cgroups, &f) < 0) complain(&f, "the next start removes it");
}

static int lock_exit(const struct failure *f) {
    bool held = f->err == EWOULDBLOCK;
    complain(f, held ? "stop that server, or choose another --data-dir" : "choose another --data-dir");
    return held ? WARDEN_EXIT_IN_USE : 1;
}

static int run(struct warden *w) {
    struct failure f;
    if (harden(&f) < 0) {
        complain(&f, "run `tsfn doctor`");
        return 1;
    }
    int state = leftover_lock(w->options.data_dir, &f);
    if (state < 0) return lock_exit(&f);
    if (cgroups_find(&w->containment.cgroups, w->options.id, &f) < 0) {
        complain(&f, "run `tsfn doctor`");
        return 1;
    }
    w->tsfnd_status = 1;
    if (start(w, state, &f) < 0 || serve(w, &f) < 0) complain(&f, "run `tsfn doctor`");
    end(w);
    return w->tsfnd_status;
}

int main(int argc, char **argv) {
    struct options options;
    if (options_parse(&options, argc, argv) < 0) return WARDEN_EXIT_USAGE;
    if (geteuid() != 0) {
        fprintf(stderr, "warden: cannot start: it runs as uid %u, wanted 0; run it with sudo\n", geteuid());
        return WARDEN_EXIT_NOT_ALLOWED;
    }
    if (options.probe) return probe_main();
    int status = guardian_start(options.die_with_parent);
    if (status >= 0) return status;
    struct warden *w = calloc(1, sizeof *w);
    if (w == NULL) {
        fprintf(stderr, "warden: cannot start: no memory; free some\n");
        return 1;
    }
    w->options = options;
    w->loop = w->signals.fd = w->control.stream.fd = w->control.lane = w->closer.link.fd = w->closer.go =
        w->containment.foreman.link = -1;
    return run(w);
}
