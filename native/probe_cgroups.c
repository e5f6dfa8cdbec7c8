/* Trials of cgroups: which limits can be set, on which version, and whether a group is killed at once. Runs
 * in children of the warden; what is made is called tsfn-probe-<pid> and removed. probe.c has the list. */
#include "probe_trials.h"

#include "syscalls.h"

#include <errno.h>
#include <fcntl.h>
#include <mntent.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATH_BYTES 256

/* Where the v1 hierarchy of a controller is mounted, or with NULL the v2 tree. */
static bool find_hierarchy(const char *controller, char *path) {
    FILE *mounts = setmntent("/proc/self/mounts", "re");
    struct mntent *m;
    bool found = false;

    if (mounts == NULL) return false;
    while (!found && (m = getmntent(mounts)) != NULL) {
        found = controller == NULL ? strcmp(m->mnt_type, "cgroup2") == 0
                                   : strcmp(m->mnt_type, "cgroup") == 0 && hasmntopt(m, controller) != NULL;
        if (found) snprintf(path, PATH_BYTES, "%s", m->mnt_dir);
    }
    endmntent(mounts);
    return found;
}

static bool v2_offers(const char *tree, const char *controller) {
    char path[PATH_BYTES + 32], word[64];
    bool offered = false;

    snprintf(path, sizeof path, "%s/cgroup.controllers", tree);
    FILE *file = fopen(path, "re");
    if (file == NULL) return false;
    while (!offered && fscanf(file, "%63s", word) == 1)
        offered = strcmp(word, controller) == 0;
    fclose(file);
    return offered;
}

static bool make_group(const char *hierarchy, char *group) {
    snprintf(group, PATH_BYTES + 32, "%.255s/tsfn-probe-%d", hierarchy, (int)getpid());
    return mkdir(group, 0755) == 0;
}

static bool write_in(const char *group, const char *name, const char *value) {
    char path[PATH_BYTES + 96];

    snprintf(path, sizeof path, "%s/%s", group, name);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) return false;
    ssize_t written = write(fd, value, strlen(value));
    int saved = errno;
    close(fd);
    errno = saved;
    return written == (ssize_t)strlen(value);
}

/* v1 is tried by setting a limit; of v2 the offer is believed, because turning a controller on in the tree's
 * root is the warden's first change to the machine and not a probe's. */
static void try_controller(struct probe_feature *feature, const char *controller, const char *file,
                           const char *value) {
    char hierarchy[PATH_BYTES], group[PATH_BYTES + 32];

    if (find_hierarchy(NULL, hierarchy) && v2_offers(hierarchy, controller))
        return probe_ok(feature, "v2 at %.100s", hierarchy);
    if (!find_hierarchy(controller, hierarchy))
        return probe_missing(feature, "neither a v2 tree offers %s nor is a v1 hierarchy of it mounted",
                             controller);
    if (!make_group(hierarchy, group)) return probe_failed(feature, "make a v1 group");
    bool limited = write_in(group, file, value);
    int saved = errno;
    rmdir(group);
    errno = saved;
    if (!limited) return probe_failed(feature, file);
    probe_ok(feature, "v1 at %.100s", hierarchy);
}

void probe_memory_cgroup(struct probe_feature *feature) {
    try_controller(feature, "memory", "memory.limit_in_bytes", "67108864");
}
void probe_cpu_cgroup(struct probe_feature *feature) {
    try_controller(feature, "cpu", "cpu.cfs_quota_us", "100000");
}
void probe_pids_cgroup(struct probe_feature *feature) {
    try_controller(feature, "pids", "pids.max", "64");
}

void probe_devices_cgroup(struct probe_feature *feature) {
    char hierarchy[PATH_BYTES];

    if (!find_hierarchy("devices", hierarchy))
        return probe_degraded(feature, "no v1 hierarchy; nodev mounts alone keep devices out");
    try_controller(feature, "devices", "devices.deny", "a");
}

static bool any_swap(void) {
    char line[256];
    int lines = 0;
    FILE *file = fopen("/proc/swaps", "re");

    if (file == NULL) return false;
    while (fgets(line, sizeof line, file) != NULL)
        lines++;
    fclose(file);
    return lines > 1; /* the first is a heading */
}

void probe_swap_limit(struct probe_feature *feature) {
    char hierarchy[PATH_BYTES], path[PATH_BYTES + 64];

    if (find_hierarchy(NULL, hierarchy) && v2_offers(hierarchy, "memory"))
        return probe_ok(feature, "memory.swap.max of v2");
    if (!find_hierarchy("memory", hierarchy)) return probe_degraded(feature, "no memory cgroup");
    snprintf(path, sizeof path, "%s/memory.memsw.limit_in_bytes", hierarchy);
    if (access(path, F_OK) == 0) return probe_ok(feature, "memory.memsw of v1");
    if (!any_swap()) return probe_ok(feature, "not counted, and this machine has no swap");
    probe_degraded(feature, "swap is not counted: a function may use it past its memory limit");
}

/* A process that waits for its end in the group, born there. */
static pid_t born_in(const char *group, struct probe_feature *feature) {
    int directory = open(group, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0) {
        probe_failed(feature, "open a v2 group");
        return -1;
    }
    struct clone_args args = {
        .flags = CLONE_INTO_CGROUP, .exit_signal = SIGCHLD, .cgroup = (uint64_t)directory};
    pid_t child = sys_clone3(&args);
    if (child < 0) probe_failed(feature, "clone3 with CLONE_INTO_CGROUP");
    if (child == 0)
        for (;;)
            pause();
    close(directory);
    return child;
}

static bool killed(pid_t child) {
    int status = 0;
    return waitpid(child, &status, 0) == child && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

/* Returns after the child is gone and the group with it. */
static void try_in_group(struct probe_feature *feature, bool by_group) {
    char tree[PATH_BYTES], group[PATH_BYTES + 32];

    if (!find_hierarchy(NULL, tree)) return probe_missing(feature, "no cgroup v2 tree is mounted");
    if (!make_group(tree, group)) return probe_failed(feature, "make a v2 group");
    probe_ok(feature, "v2 at %.100s", tree);
    pid_t child = born_in(group, feature);
    if (child > 0) {
        if (by_group && !write_in(group, "cgroup.kill", "1"))
            probe_degraded(feature, "cgroup.kill: %s; sandboxes are killed one process at a time",
                           strerror(errno));
        if (!by_group || feature->result != PROBE_OK) kill(child, SIGKILL);
        if (!killed(child)) probe_missing(feature, "the process in the group was not killed");
    }
    if (rmdir(group) < 0) probe_failed(feature, "remove a v2 group");
}

void probe_clone_into_cgroup(struct probe_feature *feature) {
    try_in_group(feature, false);
}
void probe_cgroup_kill(struct probe_feature *feature) {
    try_in_group(feature, true);
}
