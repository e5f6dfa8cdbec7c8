/* The warden, the maker and the stage: namespaces as descriptors. */
#include "namespaces.h"
#include "fds.h"
#include "syscalls.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The user namespace is entered first: it brings the capabilities that the others ask for. */
static const struct {
    const char *name;
    int flag;
} kinds[NAMESPACE_COUNT] = {{"user", CLONE_NEWUSER}, {"mnt", CLONE_NEWNS},  {"ipc", CLONE_NEWIPC},
                            {"uts", CLONE_NEWUTS},   {"net", CLONE_NEWNET}, {"cgroup", CLONE_NEWCGROUP}};

int namespaces_unshare(enum user_namespace user, struct failure *f) {
    int flags = 0;
    for (int i = user == USER_NAMESPACE_HOST; i < NAMESPACE_COUNT; i++)
        flags |= kinds[i].flag;
    if (unshare(flags) < 0) return fail(f, "make namespaces", "user, mnt, ipc, uts, net, cgroup");
    return 0;
}

int namespaces_open(struct namespaces *ns, pid_t pid, struct failure *f) {
    for (int i = 0; i < NAMESPACE_COUNT; i++) {
        char path[64];
        struct stat info;
        snprintf(path, sizeof path, "/proc/%d/ns/%s", pid, kinds[i].name);
        ns->fds[i] = open(path, O_RDONLY | O_CLOEXEC);
        if (ns->fds[i] < 0 || fstat(ns->fds[i], &info) < 0)
            return fail(f, "hold namespace", "%s", kinds[i].name);
        ns->inodes[i] = info.st_ino;
    }
    return 0;
}

void namespaces_close(struct namespaces *ns) {
    for (int i = 0; i < NAMESPACE_COUNT; i++)
        fd_close(&ns->fds[i]);
}

void namespaces_close_but_mounts(struct namespaces *ns) {
    for (int i = 0; i < NAMESPACE_COUNT; i++)
        if (i != NAMESPACE_MNT) fd_close(&ns->fds[i]);
}

static int visit(const char *own, int away, int flag) {
    cleanup_fd int home = open(own, O_RDONLY | O_CLOEXEC);
    if (home < 0 || away < 0 || setns(away, flag) < 0) return -1;
    int result = home;
    home = -1;
    return result;
}

void namespaces_come_home(int home) {
    int saved = errno;
    if (setns(home, 0) < 0) {
        perror("warden: cannot come back from a sandbox");
        _exit(1);
    }
    errno = saved;
}

int namespaces_set_hostname(pid_t pid, const char *hostname, struct failure *f) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/ns/uts", pid);
    cleanup_fd int away = open(path, O_RDONLY | O_CLOEXEC);
    cleanup_fd int home = visit("/proc/self/ns/uts", away, CLONE_NEWUTS);
    if (home < 0) return fail(f, "visit the sandbox", "uts of %d", pid);
    int result = sethostname(hostname, strlen(hostname));
    namespaces_come_home(home);
    return result < 0 ? fail(f, "set hostname", "%s", hostname) : 0;
}

int namespaces_visit_network(int away, struct failure *f) {
    int home = visit("/proc/self/ns/net", away, CLONE_NEWNET);
    return home < 0 ? fail(f, "visit the sandbox", "net") : home;
}

static int enter(const int *fds, int i, struct failure *f) {
    if (setns(fds[i], kinds[i].flag) < 0) return fail(f, "enter namespace", "%s", kinds[i].name);
    return 0;
}

static int be_first(struct failure *f) {
    if (unshare(CLONE_NEWPID | CLONE_NEWTIME) < 0) return fail(f, "make namespaces", "pid, time");
    return 0;
}

int namespaces_enter(const struct namespaces *ns, enum user_namespace user, struct failure *f) {
    for (int i = user == USER_NAMESPACE_HOST; i < NAMESPACE_COUNT; i++)
        if (enter(ns->fds, i, f) < 0) return -1;
    return be_first(f);
}

int namespaces_enter_but_mounts(const int *fds, struct failure *f) {
    for (int i = 0; i < NAMESPACE_COUNT; i++)
        if (i != NAMESPACE_MNT && enter(fds, i, f) < 0) return -1;
    return be_first(f);
}

int namespaces_enter_mounts(int fd, struct failure *f) {
    if (setns(fd, CLONE_NEWNS) < 0) return fail(f, "enter namespace", "mnt");
    return 0;
}
