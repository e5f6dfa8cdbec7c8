/* Trials of what a process can do: root, namespaces, pidfds, descriptors, filters. Runs in children of the
 * warden; probe.c has the list. */
#include "probe_trials.h"

#include "caps.h"
#include "egress.h"
#include "landlock.h"
#include "net.h"
#include "seccomp.h"
#include "syscalls.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

/* The oldest long-term kernel with cgroup.kill (5.14). */
#define KERNEL_MAJOR 5
#define KERNEL_MINOR 15
#define WANTED_USER_NAMESPACES 4096
#define WANTED_OPEN_FILES 16384
#define LEAST_OPEN_FILES 1024

void probe_capabilities(struct probe_feature *feature) {
    static const struct {
        unsigned number;
        const char *name;
    } needed[] = {
        {CAP_SYS_ADMIN, "CAP_SYS_ADMIN"}, {CAP_SETUID, "CAP_SETUID"},
        {CAP_SETGID, "CAP_SETGID"},       {CAP_SETPCAP, "CAP_SETPCAP"},
        {CAP_CHOWN, "CAP_CHOWN"},         {CAP_DAC_OVERRIDE, "CAP_DAC_OVERRIDE"},
        {CAP_KILL, "CAP_KILL"},           {CAP_NET_ADMIN, "CAP_NET_ADMIN"},
    };
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];

    if (geteuid() != 0) return probe_missing(feature, "the warden runs as uid %u, wanted 0", geteuid());
    if (syscall(SYS_capget, &header, sets) < 0) return probe_failed(feature, "capget");
    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++)
        if (!(sets[CAP_TO_INDEX(needed[i].number)].effective & CAP_TO_MASK(needed[i].number)))
            return probe_missing(feature, "no %s in spite of uid 0", needed[i].name);
    probe_ok(feature, "the warden has what it needs");
}

void probe_kernel(struct probe_feature *feature) {
    struct utsname name;
    int major = 0, minor = 0;

    if (uname(&name) < 0) return probe_failed(feature, "uname");
    sscanf(name.release, "%d.%d", &major, &minor);
    if (major < KERNEL_MAJOR || (major == KERNEL_MAJOR && minor < KERNEL_MINOR))
        return probe_missing(feature, "Linux %.64s, wanted %d.%d or newer", name.release, KERNEL_MAJOR,
                             KERNEL_MINOR);
    probe_ok(feature, "Linux %.64s", name.release);
}

static bool write_map(pid_t pid, const char *file) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, file);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) return false;
    static const char map[] = "0 1073741824 4096\n";
    bool written = write(fd, map, sizeof map - 1) == (ssize_t)sizeof map - 1;
    close(fd);
    return written;
}

/* As for a sandbox: one process makes the namespace, another gives it a range of uids, and then its uid 0 is
 * somebody harmless outside. */
void probe_user_namespace(struct probe_feature *feature) {
    int made[2], mapped[2];
    char byte = 0;

    if (pipe2(made, O_CLOEXEC) < 0 || pipe2(mapped, O_CLOEXEC) < 0) return probe_failed(feature, "pipe");
    pid_t child = fork();
    if (child < 0) return probe_failed(feature, "fork");
    if (child == 0) {
        close(mapped[1]); /* or it would wait for itself when its parent gives up */
        byte = unshare(CLONE_NEWUSER) < 0 ? (char)errno : 0;
        bool told = write(made[1], &byte, 1) == 1 && read(mapped[0], &byte, 1) == 1;
        _exit(told && setresuid(0, 0, 0) == 0 ? 0 : 1);
    }
    if (read(made[0], &byte, 1) != 1) return probe_missing(feature, "its child died");
    errno = byte;
    if (byte != 0) return probe_failed(feature, "unshare");
    bool has_range = write_map(child, "uid_map") && write_map(child, "gid_map");
    int saved = errno;
    int status = 1;
    bool told = has_range && write(mapped[1], &byte, 1) == 1;
    close(mapped[1]);
    bool ended = waitpid(child, &status, 0) == child;
    errno = saved;
    if (!has_range) return probe_failed(feature, "map a range of 4096 uids");
    if (!told || !ended || status != 0)
        return probe_missing(feature, "uid 0 of a mapped namespace cannot be taken");
    probe_ok(feature, "made, with a range of 4096 uids");
}

void probe_user_namespace_limit(struct probe_feature *feature) {
    int limit = 0;
    FILE *file = fopen("/proc/sys/user/max_user_namespaces", "re");

    if (file == NULL) return probe_failed(feature, "read user.max_user_namespaces");
    int fields = fscanf(file, "%d", &limit);
    fclose(file);
    if (fields != 1) return probe_missing(feature, "user.max_user_namespaces is not a number");
    if (limit == 0)
        return probe_missing(feature, "user.max_user_namespaces is 0, wanted %d", WANTED_USER_NAMESPACES);
    if (limit < WANTED_USER_NAMESPACES)
        return probe_degraded(feature, "user.max_user_namespaces is %d, wanted %d", limit,
                              WANTED_USER_NAMESPACES);
    probe_ok(feature, "%d", limit);
}

static void try_unshare(struct probe_feature *feature, int flag) {
    if (unshare(flag) < 0) return probe_failed(feature, "unshare");
    probe_ok(feature, "made");
}

void probe_mount_namespace(struct probe_feature *feature) {
    try_unshare(feature, CLONE_NEWNS);
}
void probe_pid_namespace(struct probe_feature *feature) {
    try_unshare(feature, CLONE_NEWPID);
}
void probe_ipc_namespace(struct probe_feature *feature) {
    try_unshare(feature, CLONE_NEWIPC);
}
void probe_uts_namespace(struct probe_feature *feature) {
    try_unshare(feature, CLONE_NEWUTS);
}
void probe_network_namespace(struct probe_feature *feature) {
    try_unshare(feature, CLONE_NEWNET);
}
/* Functions without a network do without it. */
void probe_network_egress(struct probe_feature *feature) {
    struct egress egress;
    struct failure f;
    if (unshare(CLONE_NEWNET) < 0) return probe_failed(feature, "unshare");
    if (net_loopback_up(&f) < 0 || egress_open(&egress, &f) < 0)
        return probe_degraded(feature, "%s: %s (%s)", f.step, strerror(f.err), f.detail);
    probe_ok(feature, "connections of a sandbox can be turned to tsfnd");
}
void probe_cgroup_namespace(struct probe_feature *feature) {
    try_unshare(feature, CLONE_NEWCGROUP);
}
void probe_time_namespace(struct probe_feature *feature) {
    try_unshare(feature, CLONE_NEWTIME);
}

void probe_pidfd(struct probe_feature *feature) {
    pid_t child = fork();
    if (child < 0) return probe_failed(feature, "fork");
    if (child == 0) _exit(7);

    int fd = (int)syscall(SYS_pidfd_open, child, 0);
    if (fd < 0) return probe_failed(feature, "pidfd_open");
    siginfo_t end = {0};
    if (waitid((idtype_t)P_PIDFD, (id_t)fd, &end, WEXITED) < 0) return probe_failed(feature, "waitid");
    if (end.si_status != 7) return probe_missing(feature, "waitid says status %d, wanted 7", end.si_status);
    probe_ok(feature, "opened and waited for");
}

void probe_close_range(struct probe_feature *feature) {
    int fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 100);

    if (fd < 0) fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (syscall(SYS_close_range, (unsigned)fd, ~0U, 0) < 0) return probe_failed(feature, "close_range");
    if (fcntl(fd, F_GETFD) >= 0) return probe_missing(feature, "descriptor %d is still open", fd);
    probe_ok(feature, "closes");
}

void probe_openat2(struct probe_feature *feature) {
    uint64_t flags = O_PATH | O_CLOEXEC, resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;

    if (sys_openat2(AT_FDCWD, ".", flags, resolve) < 0) return probe_failed(feature, "openat2");
    if (sys_openat2(AT_FDCWD, "/", flags, resolve) >= 0)
        return probe_missing(feature, "RESOLVE_BENEATH lets an absolute path through");
    probe_ok(feature, "confines paths");
}

void probe_seccomp(struct probe_feature *feature) {
    struct failure f = {0};

    if (caps_no_new_privs(&f) < 0 || seccomp_apply(FILTER_INSTANCE, &f) < 0)
        return probe_missing(feature, "%s: %s", f.step, strerror(f.err));
    if (unshare(CLONE_NEWNS) == 0)
        return probe_missing(feature, "the filter is installed and refuses nothing");
    probe_ok(feature, "the instance filter is installed and refuses");
}

void probe_landlock(struct probe_feature *feature) {
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, 1 /* asks for the ABI version */);
    struct failure f = {0};

    if (abi < 0) return probe_degraded(feature, "no Landlock in this kernel: %s", strerror(errno));
    if (abi < 6) return probe_degraded(feature, "Landlock ABI %ld, scopes need 6 (Linux 6.12)", abi);
    if (caps_no_new_privs(&f) < 0 || landlock_scope(&f) < 0)
        return probe_degraded(feature, "%s: %s", f.step, strerror(f.err));
    probe_ok(feature, "Landlock ABI %ld", abi);
}

void probe_open_files(struct probe_feature *feature) {
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0) return probe_failed(feature, "getrlimit");
    unsigned long long hard = limit.rlim_max;
    if (hard < LEAST_OPEN_FILES)
        return probe_missing(feature, "hard limit %llu, wanted %d", hard, WANTED_OPEN_FILES);
    if (hard < WANTED_OPEN_FILES)
        return probe_degraded(feature, "hard limit %llu, wanted %d", hard, WANTED_OPEN_FILES);
    probe_ok(feature, "hard limit %llu", hard);
}
