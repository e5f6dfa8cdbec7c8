/* The warden starts tsfnd, and the child on its way there. */
#include "spawn.h"
#include "caps.h"
#include "child.h"
#include "fds.h"
#include "seccomp.h"
#include "slice.h"
#include "textfile.h"

#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

/* Where the report ends up, above what tsfnd inherits; the exec closes it. */
#define STATUS_FD 5
#define NICE (-10)
/* Three for each instance, one for each caller, and some. 8 bytes of kernel memory each. */
#define ROOM_FOR_DESCRIPTORS 32768

static int place_descriptors(const int theirs[2], int *status, struct failure *f) {
    cleanup_fd int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (null < 0) return fail(f, "open /dev/null", "as stdin");
    const int wanted[] = {null, STDOUT_FILENO, STDERR_FILENO, theirs[0], theirs[1], *status};
    if (fds_keep_only(wanted, 6, f) < 0) return -1;
    null = -1; /* closed, or another descriptor by now */
    *status = STATUS_FD;
    if (fcntl(STATUS_FD, F_SETFD, FD_CLOEXEC) < 0) return fail(f, "keep descriptors", "status");
    return 0;
}

/* The kernel enlarges a process's table of descriptors as it needs to, and where threads share it, it waits
 * for an RCU grace period each time: 10 ms and more on a busy machine, in which tsfnd serves nobody. Now
 * nobody shares it, and it never shrinks. */
static int make_room_for_descriptors(struct failure *f) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0) return fail(f, "make room for descriptors", "getrlimit");
    rlim_t most = limit.rlim_cur < ROOM_FOR_DESCRIPTORS ? limit.rlim_cur : ROOM_FOR_DESCRIPTORS;
    cleanup_fd int last = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, (int)most - 1);
    return last < 0 ? fail(f, "make room for descriptors", "%d", (int)most) : 0;
}

/* Every call waits for it, twice, and it seldom takes long. A kernel may group what competes by session
 * (sched(7), "autogroup"), and a container may forbid both: then it takes its turn like everyone. */
static int go_first(struct failure *f) {
    if (setpriority(PRIO_PROCESS, 0, NICE) < 0 && errno != EPERM && errno != EACCES)
        return fail(f, "go first", "nice %d", NICE);
    if (text_write(AT_FDCWD, "/proc/self/autogroup", "%d", NICE) < 0 && errno != ENOENT && errno != EPERM &&
        errno != EACCES && errno != EROFS)
        return fail(f, "go first", "autogroup to %d", NICE);
    return slice_set(SLICE_OF_DAEMON_US, f);
}

static int become_user(const struct options *o, struct failure *f) {
    if (caps_drop_bounding(f) < 0) return -1;
    if (setgroups(0, NULL) < 0 || setresgid(o->group, o->group, o->group) < 0 ||
        setresuid(o->user, o->user, o->user) < 0)
        return fail(f, "become tsfnd's user", "%u:%u", o->user, o->group);
    if (caps_drop_all(f) < 0 || caps_no_new_privs(f) < 0) return -1;
    return 0;
}

static int become_steps(const struct options *o, const int theirs[2], pid_t warden, int *status,
                        struct failure *f) {
    char cwd[PATH_MAX];
    snprintf(cwd, sizeof cwd, "%s/program", o->data_dir);
    /* A terminal's Ctrl-C goes to the warden alone, which asks tsfnd to stop; it does not come twice. */
    if (setsid() < 0) return fail(f, "leave the terminal", "setsid");
    if (go_first(f) < 0 || place_descriptors(theirs, status, f) < 0) return -1;
    if (make_room_for_descriptors(f) < 0 || become_user(o, f) < 0) return -1;
    /* A change of uid forgets the request, so it comes after. */
    if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0) return fail(f, "die with the warden", "prctl");
    if (getppid() != warden) _exit(1);
    if (chdir(cwd) < 0) return fail(f, "enter the program's directory", "%.150s", cwd);
    /* tsfnd reads what strangers send, and needs no more of the kernel than a function does. */
    return seccomp_apply(FILTER_INSTANCE, f);
}

static _Noreturn void become_tsfnd(const struct options *o, const int theirs[2], pid_t warden, int status) {
    struct failure f;
    if (become_steps(o, theirs, warden, &status, &f) == 0) {
        execv(o->argv[0], o->argv);
        fail(&f, "execute tsfnd", "%.150s", o->argv[0]);
    }
    report_failure(status, &f);
    _exit(1);
}

/* The end of the stream without a report is the exec. */
static int await_exec(int status, struct failure *f) {
    struct failure found;
    if (report_await(status, REPORT_DONE, &found) == 0 || found.err == ECHILD) return 0;
    *f = found;
    errno = found.err;
    return -1;
}

int spawn_tsfnd(struct warden *w, int theirs[2], struct failure *f) {
    const struct cgroups *cgroups = &w->containment.cgroups;
    int status[2];
    pid_t warden = getpid();
    if (cgroup_create(cgroups, CGROUP_DAEMON, CGROUP_OF_DAEMON, NULL, f) < 0) return -1;
    if (cgroup_weigh(cgroups, CGROUP_DAEMON, CGROUP_OF_DAEMON, WEIGHT_OF_DAEMON, f) < 0) return -1;
    if (pipe2(status, O_CLOEXEC) < 0) return fail(f, "start tsfnd", "pipe2");
    cleanup_fd int reader = status[0], writer = status[1];
    cleanup_fd int cgroup = cgroup_open_v2(cgroups, CGROUP_DAEMON);
    w->tsfnd = child_fork(cgroup);
    if (w->tsfnd < 0) return fail(f, "start tsfnd", "clone3");
    if (w->tsfnd == 0) become_tsfnd(&w->options, theirs, warden, writer);
    fd_close(&writer);
    fd_close(&theirs[0]);
    fd_close(&theirs[1]);
    return await_exec(reader, f);
}
