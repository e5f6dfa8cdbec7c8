/* The first process of a sandbox, from its birth to the exec of the function's runtime. */
#include "instance.h"
#include "child.h"
#include "fds.h"
#include "locks.h"
#include "textfile.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define OOM_SCORE_ADJ 500

int instance_prefer_for_oom(int proc, struct failure *f) {
    if (text_write(proc, "self/oom_score_adj", "%d", OOM_SCORE_ADJ) < 0)
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

/* The guest knows 0 to 3, and 4: an instance its tickets, a zygote its channel. The last one is the status,
 * which the exec closes. */
static int place_descriptors(const struct instance_fds *fds, int *status, struct failure *f) {
    cleanup_fd int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (null < 0) return fail(f, "open /dev/null", "as stdin");
    int wanted[6] = {null, fds->out, fds->err, fds->wire, fds->channel >= 0 ? fds->channel : fds->tickets};
    int count = 5;
    wanted[count++] = *status;
    if (fds_keep_only(wanted, count, f) < 0) return -1;
    null = -1; /* closed, or another descriptor by now */
    *status = count - 1;
    if (fcntl(*status, F_SETFD, FD_CLOEXEC) < 0) return fail(f, "keep descriptors", "status");
    return 0;
}

static int become_steps(const struct program *program, uid_t uid, uint64_t open_files,
                        const struct instance_fds *fds, int *status, struct failure *f) {
    if (root_mount_proc(f) < 0) return -1;
    if (tell_namespaces(*status, f) < 0) return -1;
    if (place_descriptors(fds, status, f) < 0) return -1;
    return locks_close(&(struct locks){.uid = uid,
                                       .open_files = open_files,
                                       .cwd = program->cwd,
                                       .parent = *status,
                                       .filter = fds->channel >= 0 ? FILTER_ZYGOTE : FILTER_INSTANCE},
                       f);
}

_Noreturn void instance_become(const struct program *program, uid_t uid, uint64_t open_files,
                               const struct instance_fds *fds) {
    struct failure f;
    int status = fds->status;
    if (become_steps(program, uid, open_files, fds, &status, &f) == 0) {
        execve(program->argv[0], program->argv, program->env);
        fail(&f, "execute program", "%s", program->argv[0]);
    }
    report_failure(status, &f);
    _exit(1);
}
