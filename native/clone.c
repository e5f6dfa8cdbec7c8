/* The steps of a clone. Up to the fork they run in the helper, which is root in the sandbox as soon as it has
 * entered its user namespace; after the locks nobody is. */
#include "clone.h"
#include "fds.h"
#include "locks.h"
#include "mount.h"
#include "slice.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* Linux 5.14; the C library's headers may be older. */
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

int node_parts_find(struct node_parts *node) {
    *(void **)&node->default_loop = dlsym(RTLD_DEFAULT, "uv_default_loop");
    *(void **)&node->loop_fork = dlsym(RTLD_DEFAULT, "uv_loop_fork");
    if (node->default_loop == NULL || node->loop_fork == NULL) return -ENOSYS;
    return ending_find(&node->ending);
}

/* --- in the helper -----------------------------------------------------------------------------------------
 */

static int join_groups(const struct job *job, struct failure *f) {
    for (unsigned i = 0; i < job->request.doors; i++)
        if (write(job->fds[FORK_DOORS + i], "0", 1) < 0) return fail(f, "join cgroup", "number %u", i);
    return 0;
}

/* Closes every descriptor but those marked. */
static int close_others(const bool *kept, struct failure *f) {
    for (unsigned from = 0, to; from < MOST_HELD; from = to) {
        for (to = from; to < MOST_HELD && kept[to] == kept[from]; to++)
            ;
        if (kept[from]) continue;
        if (syscall(SYS_close_range, from, to == MOST_HELD ? ~0U : to - 1, 0) < 0)
            return fail(f, "close descriptors", "from %u on", from);
    }
    return 0;
}

/* The zygote's numbers stay taken: libuv's fork handlers close some of them, and threads that the clone does
 * not have keep loops whose wake-ups would otherwise be written into whatever file gets their number next. */
static int cover_descriptors(const struct job *job, const struct held *held, struct failure *f) {
    bool kept[MOST_HELD] = {false};
    cleanup_fd int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0) return fail(f, "open /dev/null", "as cover");
    for (int i = 0; i < held->count; i++) {
        if (dup3(null, held->fds[i], O_CLOEXEC) < 0) return fail(f, "cover descriptor", "%d", held->fds[i]);
        kept[held->fds[i]] = true;
    }
    for (int i = FORK_WIRE; i <= FORK_STATUS; i++)
        kept[job->fds[i]] = true;
    kept[job->fds[NAMESPACE_MNT]] = true;
    int result = close_others(kept, f);
    null = -1;
    return result;
}

int clone_prepare(struct job *job, const struct held *held, struct failure *f) {
    if (join_groups(job, f) < 0) return -1;
    job->marks[MARK_JOINED] = fork_now_ns();
    if (namespaces_enter_but_mounts(job->fds, f) < 0) return -1;
    if (sethostname(job->request.hostname, strlen(job->request.hostname)) < 0)
        return fail(f, "set hostname", "%s", job->request.hostname);
    job->marks[MARK_ENTERED] = fork_now_ns();
    return cover_descriptors(job, held, f);
}

void clone_failed(const struct job *job, const struct failure *f) {
    struct fork_report report = {.news = FORK_FAILED, .err = f->err == 0 ? EIO : f->err};
    snprintf(report.step, sizeof report.step, "%s", f->step);
    memcpy(report.detail, f->detail, sizeof report.detail);
    send(job->fds[FORK_STATUS], &report, sizeof report, MSG_NOSIGNAL);
}

/* --- in the clone ------------------------------------------------------------------------------------------
 */

/* Nobody but the warden listens; without it there is no clone. */
static void tell(const struct job *job, enum fork_news news) {
    struct fork_report report = {.news = news};
    memcpy(report.marks, job->marks, sizeof report.marks);
    if (send(job->fds[FORK_STATUS], &report, sizeof report, MSG_NOSIGNAL) < 0) _exit(1);
}

/* While the warden still makes the root. A page that cannot be had now is had, or missed, when it is written
 * to. */
static void fill(const struct working_set *set) {
    for (uint32_t i = 0; i < set->count; i++)
        madvise((void *)(uintptr_t)set->ranges[i].at, set->ranges[i].bytes, MADV_POPULATE_WRITE);
}

/* Entered only now, because the warden changes the root meanwhile, and would not see a process that is just
 * being born. */
static int enter_root(const struct job *job, struct failure *f) {
    char go;
    ssize_t count;
    do {
        count = recv(job->fds[FORK_STATUS], &go, sizeof go, 0);
    } while (count < 0 && errno == EINTR);
    if (count <= 0) _exit(1); /* nobody wants this clone any more */
    return namespaces_enter_mounts(job->fds[NAMESPACE_MNT], f);
}

static bool is_cover(int fd) {
    struct stat info;
    return fstat(fd, &info) == 0 && S_ISCHR(info.st_mode) && info.st_rdev == makedev(1, 3);
}

/* The sandbox's own /dev/null in the place of the zygote's. What libuv's fork handlers have opened stays. */
static int renew_covers(const struct held *held, struct failure *f) {
    cleanup_fd int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0) return fail(f, "open /dev/null", "as cover");
    for (int i = 0; i < held->count; i++)
        if (is_cover(held->fds[i]) && dup3(null, held->fds[i], O_CLOEXEC) < 0)
            return fail(f, "cover descriptor", "%d", held->fds[i]);
    if (dup2(null, STDIN_FILENO) < 0) return fail(f, "place descriptor", "stdin");
    return 0;
}

static int place_descriptors(struct job *job, const struct held *held, struct failure *f) {
    static const enum fork_fd places[STANDARD_FDS] = {0, FORK_OUT, FORK_ERR, FORK_WIRE};
    if (renew_covers(held, f) < 0) return -1;
    for (int i = 1; i < STANDARD_FDS; i++) {
        int *from = &job->fds[places[i]];
        if (dup2(*from, i) < 0 || (held->flags[i] >= 0 && fcntl(i, F_SETFL, held->flags[i]) < 0))
            return fail(f, "place descriptor", "%d as %d", *from, i);
        fd_close(from);
    }
    /* Where the zygote has its channel. */
    if (dup3(job->fds[FORK_TICKETS], GUEST_TICKETS_FD, O_CLOEXEC) < 0)
        return fail(f, "place descriptor", "%d as %d", job->fds[FORK_TICKETS], GUEST_TICKETS_FD);
    fd_close(&job->fds[FORK_TICKETS]);
    fd_close(&job->fds[NAMESPACE_MNT]);
    return 0;
}

static int renew_loop(const struct node_parts *node, struct failure *f) {
    int result = node->loop_fork(node->default_loop());
    if (result == 0) return 0;
    errno = -result;
    return fail(f, "renew the event loop", "uv_loop_fork");
}

static int become_steps(struct job *job, const struct held *held, const struct node_parts *node,
                        const struct working_set *set, struct failure *f) {
    const struct locks locks = {.uid = PROTO_FUNCTION_UID,
                                .open_files = job->request.open_files,
                                .cwd = "/app",
                                .parent = -1,
                                .filter = FILTER_CLONE};
    job->marks[MARK_BORN] = fork_now_ns();
    /* First, so that the warden and tsfnd get ready for it meanwhile. */
    tell(job, FORK_BORN);
    fill(set);
    job->marks[MARK_FILLED] = fork_now_ns();
    if (enter_root(job, f) < 0) return -1;
    job->marks[MARK_ROOTED] = fork_now_ns();
    if (root_mount_proc(f) < 0) return -1;
    job->marks[MARK_PROC] = fork_now_ns();
    if (place_descriptors(job, held, f) < 0 || locks_close(&locks, f) < 0) return -1;
    job->marks[MARK_LOCKED] = fork_now_ns();
    if (renew_loop(node, f) < 0 || slice_set(SLICE_OF_INSTANCE_US, f) < 0) return -1;
    job->marks[MARK_LOOPED] = fork_now_ns();
    return 0;
}

int clone_become(struct job *job, const struct held *held, const struct node_parts *node,
                 const struct working_set *set) {
    struct failure f;
    if (become_steps(job, held, node, set, &f) < 0) {
        clone_failed(job, &f);
        _exit(1);
    }
    ending_set(&node->ending);
    tell(job, FORK_COMPLETE);
    fd_close(&job->fds[FORK_STATUS]);
    return 0;
}
