/* The warden, the maker and the stage: namespaces as descriptors. */
#include "namespaces.h"
#include "fds.h"
#include "syscalls.h"

#include <stdio.h>
#include <sys/stat.h>

/* The user namespace is entered first: it brings the capabilities that the others ask for. */
static const struct {
    const char *name;
    int flag;
} kinds[NAMESPACE_COUNT] = {{"user", CLONE_NEWUSER}, {"mnt", CLONE_NEWNS},  {"ipc", CLONE_NEWIPC},
                            {"uts", CLONE_NEWUTS},   {"net", CLONE_NEWNET}, {"cgroup", CLONE_NEWCGROUP}};

int namespaces_unshare(struct failure *f) {
    int flags = 0;
    for (int i = 0; i < NAMESPACE_COUNT; i++)
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

int namespaces_enter(const struct namespaces *ns, struct failure *f) {
    for (int i = 0; i < NAMESPACE_COUNT; i++)
        if (setns(ns->fds[i], kinds[i].flag) < 0) return fail(f, "enter namespace", "%s", kinds[i].name);
    if (unshare(CLONE_NEWPID | CLONE_NEWTIME) < 0) return fail(f, "make namespaces", "pid, time");
    return 0;
}
