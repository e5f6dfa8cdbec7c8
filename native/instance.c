/* Pid 1 of a sandbox, from its birth to the exec of the function's runtime. The order matters: what needs a
 * capability comes before the uid changes, and the system call filter is last. */
#include "instance.h"
#include "caps.h"
#include "child.h"
#include "fds.h"
#include "landlock.h"
#include "limits.h"
#include "seccomp.h"
#include "textfile.h"

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define OOM_SCORE_ADJ 500
/* Where the descriptors end up: the guest knows 0 to 3, the exec closes 4. */
#define STATUS_FD 4

int instance_prefer_for_oom(struct failure *f) {
    if (text_write(AT_FDCWD, "/proc/self/oom_score_adj", "%d", OOM_SCORE_ADJ) < 0)
        return fail(f, "prefer for oom", "oom_score_adj to %d", OOM_SCORE_ADJ);
    return 0;
}

/* The warden cannot look itself: a program may have ended before it would. */
static int tell_namespaces(int status, struct failure *f) {
    struct stat pid, time;
    if (stat("/proc/self/ns/pid", &pid) < 0 || stat("/proc/self/ns/time", &time) < 0)
        return fail(f, "tell namespaces", "/proc/self/ns");
    report_send(status,
                &(struct report){.kind = REPORT_NAMESPACES, .pid_ns = pid.st_ino, .time_ns = time.st_ino});
    return 0;
}

static int place_descriptors(const struct instance_fds *fds, int *status, struct failure *f) {
    cleanup_fd int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (null < 0) return fail(f, "open /dev/null", "as stdin");
    const int wanted[] = {null, fds->out, fds->err, fds->wire, *status};
    if (fds_keep_only(wanted, 5, f) < 0) return -1;
    null = -1; /* closed, or another descriptor by now */
    *status = STATUS_FD;
    if (fcntl(STATUS_FD, F_SETFD, FD_CLOEXEC) < 0) return fail(f, "keep descriptors", "status");
    return 0;
}

static int become_function(struct failure *f) {
    if (setgroups(0, NULL) < 0) return fail(f, "become the function", "setgroups");
    if (setresgid(PROTO_FUNCTION_UID, PROTO_FUNCTION_UID, PROTO_FUNCTION_UID) < 0)
        return fail(f, "become the function", "gid %d", PROTO_FUNCTION_UID);
    if (setresuid(PROTO_FUNCTION_UID, PROTO_FUNCTION_UID, PROTO_FUNCTION_UID) < 0)
        return fail(f, "become the function", "uid %d", PROTO_FUNCTION_UID);
    if (setsid() < 0) return fail(f, "become the function", "setsid");
    umask(022);
    return 0;
}

/* A change of uid forgets the request, so it comes after. The warden may have died before it took effect;
 * then nobody reads the status any more. */
static int die_with_warden(int status, struct failure *f) {
    struct pollfd reader = {.fd = status, .events = 0};
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0) return fail(f, "die with the warden", "prctl");
    if (poll(&reader, 1, 0) > 0) _exit(1);
    return 0;
}

static int become_steps(const struct program *program, uint64_t open_files, const struct instance_fds *fds,
                        int *status, struct failure *f) {
    if (root_mount_proc(f) < 0) return -1;
    if (tell_namespaces(*status, f) < 0) return -1;
    if (place_descriptors(fds, status, f) < 0) return -1;
    if (limits_apply(open_files, f) < 0) return -1;
    if (caps_drop_bounding(f) < 0) return -1;
    if (become_function(f) < 0) return -1;
    if (caps_drop_all(f) < 0) return -1;
    if (die_with_warden(*status, f) < 0) return -1;
    if (chdir(program->cwd) < 0) return fail(f, "enter the working directory", "%s", program->cwd);
    if (caps_no_new_privs(f) < 0) return -1;
    if (landlock_scope(f) < 0) return -1;
    return seccomp_apply(f);
}

_Noreturn void instance_become(const struct program *program, uint64_t open_files,
                               const struct instance_fds *fds) {
    struct failure f;
    int status = fds->status;
    if (become_steps(program, open_files, fds, &status, &f) == 0) {
        execve(program->argv[0], program->argv, program->env);
        fail(&f, "execute program", "%s", program->argv[0]);
    }
    report_failure(status, &f);
    _exit(1);
}
