/* The zygote: a Node that has loaded its code and now waits, on its main thread, to be forked. What becomes
 * of the fork is clone.c. Runs in Node through koffi; docs/decisions/0006-forking-v8.md says why it works. */
#include "clone.h"
#include "fds.h"
#include "libtsfn.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* V8 keeps its heap out of children (MADV_DONTFORK). Nothing is mapped later: the thread that would do it is
 * in here. The kernel's own pages refuse, and need not be asked. */
static int let_memory_cross(void) {
    FILE *maps = fopen("/proc/self/maps", "re");
    char *line = NULL;
    size_t size = 0;
    if (maps == NULL) return -errno;
    while (getline(&line, &size, maps) > 0) {
        uintptr_t from, to;
        if (sscanf(line, "%lx-%lx", &from, &to) == 2) madvise((void *)from, to - from, MADV_DOFORK);
    }
    free(line);
    fclose(maps);
    return 0;
}

/* What must not be in a clone, and whether the standard ones block, which whoever uses them relies on. */
static int find_descriptors(struct held *held) {
    DIR *dir = opendir("/proc/self/fd");
    if (dir == NULL) return -errno;
    held->count = 0;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL && held->count < MOST_HELD;) {
        int fd = atoi(entry->d_name);
        if (entry->d_name[0] != '.' && fd != dirfd(dir)) held->fds[held->count++] = fd;
    }
    closedir(dir);
    for (int i = 0; i < STANDARD_FDS; i++)
        held->flags[i] = fcntl(i, F_GETFL);
    return 0;
}

static void close_job(struct job *job) {
    for (int i = 0; i < job->count; i++)
        fd_close(&job->fds[i]);
    job->count = 0;
}

static void take_descriptors(struct msghdr *message, struct job *job) {
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c != NULL; c = CMSG_NXTHDR(message, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
        size_t bytes = c->cmsg_len - CMSG_LEN(0);
        memcpy(job->fds, CMSG_DATA(c), bytes);
        job->count = (int)(bytes / sizeof(int));
    }
}

union packet {
    enum packet_kind kind;
    struct fork_request fork;
    struct working_set set;
};

static bool is_fork(const struct job *job, ssize_t length) {
    const struct fork_request *request = &job->request;
    return length == (ssize_t)sizeof *request && request->doors <= CGROUP_MOST_TREES &&
           job->count == FORK_DOORS + (int)request->doors;
}

static bool is_working_set(const struct working_set *set, ssize_t length) {
    return length >= (ssize_t)offsetof(struct working_set, ranges) && set->count <= WORKING_SET_MOST &&
           length == (ssize_t)(offsetof(struct working_set, ranges) + set->count * sizeof set->ranges[0]);
}

/* What clones before have copied. */
struct lessons {
    unsigned count;
    struct working_set common;
};

/* One of them may have collected garbage meanwhile, and so written to thousands of pages that others leave
 * alone. So nothing is copied ahead before two have taught, both of which had to copy for themselves. */
#define FEWEST_LESSONS 2

static uint64_t end_of(const struct working_set *set, uint32_t at) {
    return set->ranges[at].at + set->ranges[at].bytes;
}

/* Keeps what is in both; their ranges ascend. */
static void keep_common(struct working_set *common, const struct working_set *other) {
    struct working_set both = {.kind = PACKET_WORKING_SET};
    for (uint32_t i = 0, j = 0; i < common->count && j < other->count && both.count < WORKING_SET_MOST;) {
        uint64_t end = end_of(common, i), other_end = end_of(other, j);
        uint64_t from = common->ranges[i].at, to = end < other_end ? end : other_end;
        if (from < other->ranges[j].at) from = other->ranges[j].at;
        if (from < to) {
            both.ranges[both.count].at = from;
            both.ranges[both.count++].bytes = to - from;
        }
        if (end == to) i++;
        if (other_end == to) j++;
    }
    *common = both;
}

static void learn(struct lessons *lessons, const struct working_set *set, size_t length) {
    if (lessons->count++ == 0)
        memcpy(&lessons->common, set, length);
    else
        keep_common(&lessons->common, set);
}

static const struct working_set *learnt(const struct lessons *lessons) {
    static const struct working_set nothing = {.count = 0};
    return lessons->count < FEWEST_LESSONS ? &nothing : &lessons->common;
}

/* 1 with a job, 0 with a lesson, or -errno: -EPIPE when the warden has closed the channel. */
static int receive(int channel, struct job *job, struct lessons *lessons) {
    union {
        struct cmsghdr header; /* for its alignment */
        char bytes[CMSG_SPACE(FORK_MOST_FDS * sizeof(int))];
    } control;
    union packet packet;
    struct iovec data = {.iov_base = &packet, .iov_len = sizeof packet};
    struct msghdr message = {.msg_iov = &data,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    ssize_t length;
    do {
        length = recvmsg(channel, &message, MSG_CMSG_CLOEXEC);
    } while (length < 0 && errno == EINTR);
    if (length < 0) return -errno;
    if (length == 0) return -EPIPE;
    job->marks[MARK_TAKEN] = fork_now_ns();
    take_descriptors(&message, job);
    job->request = packet.fork;
    if (packet.kind == PACKET_FORK && is_fork(job, length)) return 1;
    close_job(job);
    if (packet.kind != PACKET_WORKING_SET || !is_working_set(&packet.set, length)) return -EPROTO;
    learn(lessons, &packet.set, (size_t)length);
    return 0;
}

/* True in the clone only. The helper shares the zygote's memory and changes nothing but itself: its fork
 * copies the warm heap straight into the sandbox, to be pid 1 there. fork() is the C library's, because libuv
 * has registered with it (pthread_atfork). */
static bool fork_clone(struct job *job, const struct held *held) {
    pid_t helper = vfork();
    if (helper == 0) {
        struct failure f;
        if (clone_prepare(job, held, &f) == 0) {
            pid_t pid = fork();
            if (pid == 0) return true;
            if (pid > 0) _exit(0);
            fail(&f, "fork the zygote", "fork");
        }
        clone_failed(job, &f);
        _exit(1);
    }
    while (helper > 0 && waitpid(helper, NULL, 0) < 0 && errno == EINTR)
        ;
    return false;
}

int tsfn_zygote_wait(int channel) {
    struct held held;
    struct job job;
    struct node_parts node;
    struct lessons lessons = {.count = 0};
    int result = node_parts_find(&node);
    if (result == 0) result = let_memory_cross();
    if (result == 0) result = find_descriptors(&held);
    while (result >= 0) {
        result = receive(channel, &job, &lessons);
        if (result <= 0) continue;
        if (fork_clone(&job, &held)) return clone_become(&job, &held, &node, learnt(&lessons));
        close_job(&job);
    }
    return result;
}
