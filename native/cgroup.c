/* The warden: finds the hierarchies once and does to all of them what a sandbox needs. */
#include "cgroup.h"
#include "fds.h"
#include "syscalls.h"
#include "textfile.h"

#include <stdio.h>
#include <sys/stat.h>

/* What limits are set in. */
#define LIMITED (CGROUP_MEMORY | CGROUP_CPU | CGROUP_PIDS)

static int open_group(const struct cgroup_tree *tree, const char *name) {
    return openat(tree->parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
}

static int make_parent(struct cgroup_tree *tree, const char *name, struct failure *f) {
    cleanup_fd int root = open(tree->mount, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root < 0) return fail(f, "open cgroups", "%s", tree->mount);
    if (tree->v2 && cgroup_v2_enable(root, tree->controllers, f) < 0) return -1;
    if (mkdirat(root, name, 0755) < 0) return fail(f, "make cgroup", "%s/%s", tree->mount, name);
    tree->parent = openat(root, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (tree->parent < 0) return fail(f, "open cgroup", "%s/%s", tree->mount, name);
    if (tree->v2) return cgroup_v2_enable(tree->parent, tree->controllers, f);
    if (!(tree->controllers & CGROUP_CPU)) return 0;
    /* What is beside it is in no group, and counts process by process. A group's share is divided among the
     * processors that it runs on, so that one process there would have a fraction of one outside. */
    unsigned processors = (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
    return cgroup_v1_weight_set(tree->parent, processors * WEIGHT_USUAL, f);
}

static int enter_devices(struct cgroups *c, struct failure *f) {
    if (c->devices.mount[0] == '\0') return 0;
    if (make_parent(&c->devices, c->name, f) < 0 || cgroup_v1_devices_allow(c->devices.parent, f) < 0)
        return -1;
    if (text_write(c->devices.parent, "cgroup.procs", "0") < 0)
        return fail(f, "join device allow-list", "%s/%s", c->devices.mount, c->name);
    return 0;
}

int cgroups_make(struct cgroups *c, struct failure *f) {
    for (int i = 0; i < c->count; i++)
        if (make_parent(&c->trees[i], c->name, f) < 0) return -1;
    return enter_devices(c, f);
}

static int leave_devices(struct cgroups *c, struct failure *f) {
    char procs[512];
    if (c->devices.parent < 0) return 0;
    snprintf(procs, sizeof procs, "%s%s/cgroup.procs", c->devices.mount, c->home);
    if (text_write(AT_FDCWD, procs, "0") < 0) return fail(f, "leave device allow-list", "%s", procs);
    return 0;
}

int cgroups_remove(struct cgroups *c, struct failure *f) {
    char path[256];
    int result = leave_devices(c, f);
    for (int i = 0; result == 0 && cgroups_parent_path(c, i, path, sizeof path) != NULL; i++)
        result = cgroup_clear(path, f);
    return result;
}

static int create_in(const struct cgroup_tree *tree, const char *name, const struct cgroup_limits *limits,
                     struct failure *f) {
    if (mkdirat(tree->parent, name, 0755) < 0) return fail(f, "make cgroup", "%s/…/%s", tree->mount, name);
    if (limits == NULL || !(tree->controllers & LIMITED)) return 0;
    cleanup_fd int dir = open_group(tree, name);
    if (dir < 0) return fail(f, "open cgroup", "%s/…/%s", tree->mount, name);
    return tree->v2 ? cgroup_v2_limits_set(dir, tree->controllers, limits, f)
                    : cgroup_v1_limits_set(dir, tree->controllers, limits, GROUP_IS_NEW, f);
}

bool cgroup_has(const struct cgroups *c, int i, enum cgroup_kind kind) {
    if (kind == CGROUP_OF_DAEMON) return c->trees[i].v2;
    return kind == CGROUP_OF_PROGRAM || c->trees[i].controllers != 0;
}

int cgroup_create(const struct cgroups *c, const char *name, enum cgroup_kind kind,
                  const struct cgroup_limits *limits, struct failure *f) {
    for (int i = 0; i < c->count; i++)
        if (cgroup_has(c, i, kind) && create_in(&c->trees[i], name, limits, f) < 0) return -1;
    return 0;
}

int cgroup_limits_set(const struct cgroups *c, const char *name, const struct cgroup_limits *limits,
                      struct failure *f) {
    for (int i = 0; i < c->count; i++) {
        const struct cgroup_tree *tree = &c->trees[i];
        if (!(tree->controllers & LIMITED)) continue;
        cleanup_fd int dir = open_group(tree, name);
        if (dir < 0) return fail(f, "open cgroup", "%s/…/%s", tree->mount, name);
        if ((tree->v2 ? cgroup_v2_limits_set(dir, tree->controllers, limits, f)
                      : cgroup_v1_limits_set(dir, tree->controllers, limits, GROUP_HAS_LIMITS, f)) < 0)
            return -1;
    }
    return 0;
}

int cgroup_weigh(const struct cgroups *c, const char *name, enum cgroup_kind kind, unsigned weight,
                 struct failure *f) {
    for (int i = 0; i < c->count; i++) {
        const struct cgroup_tree *tree = &c->trees[i];
        if (!(tree->controllers & CGROUP_CPU) || !cgroup_has(c, i, kind)) continue;
        cleanup_fd int dir = open_group(tree, name);
        if (dir < 0) return fail(f, "open cgroup", "%s/…/%s", tree->mount, name);
        if ((tree->v2 ? cgroup_v2_weight_set(dir, weight, f) : cgroup_v1_weight_set(dir, weight, f)) < 0)
            return -1;
    }
    return 0;
}

int cgroup_open_v2(const struct cgroups *c, const char *name) {
    if (c->v2 < 0) {
        errno = ENOENT;
        return -1;
    }
    return open_group(&c->trees[c->v2], name);
}

int cgroup_join(const struct cgroups *c, const char *name, struct failure *f) {
    for (int i = 0; i < c->count; i++) {
        if (c->trees[i].v2) continue;
        char path[128];
        /* "0" in `tasks`, not in cgroup.procs: a task that moves only itself takes no lock that waits for an
         * RCU grace period (cgroup_procs_write_start, Linux 6.0 and later; elsewhere it is merely as slow).
         */
        snprintf(path, sizeof path, "%s/tasks", name);
        if (text_write(c->trees[i].parent, path, "0") < 0)
            return fail(f, "join cgroup", "%s/…/%s", c->trees[i].mount, name);
    }
    return 0;
}

/* `tasks` for the same reason as above; the v2 tree has no file for one thread. */
int cgroup_open_doors(const struct cgroups *c, const char *name, int *doors, struct failure *f) {
    int count = 0;
    for (int i = 0; i < c->count; i++) {
        const struct cgroup_tree *tree = &c->trees[i];
        char path[128];
        if (tree->controllers == 0) continue;
        snprintf(path, sizeof path, "%s/%s", name, tree->v2 ? "cgroup.procs" : "tasks");
        doors[count] = openat(tree->parent, path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
        if (doors[count++] >= 0) continue;
        fail(f, "open cgroup", "%s/…/%s", tree->mount, path);
        while (count-- > 0)
            fd_close(&doors[count]);
        return -1;
    }
    return count;
}

int cgroup_kill(const struct cgroups *c, const char *name) {
    if (c->v2 < 0) {
        errno = ENOSYS;
        return -1;
    }
    char path[128];
    snprintf(path, sizeof path, "%s/cgroup.kill", name);
    return text_write(c->trees[c->v2].parent, path, "1");
}

int cgroup_watch_oom(const struct cgroups *c, const char *name) {
    for (int i = 0; i < c->count; i++) {
        const struct cgroup_tree *tree = &c->trees[i];
        if (tree->v2 || !(tree->controllers & CGROUP_MEMORY)) continue;
        cleanup_fd int dir = open_group(tree, name);
        return dir < 0 ? -1 : cgroup_v1_watch_oom(dir);
    }
    return -1;
}

void cgroup_usage_read(const struct cgroups *c, const char *name, enum cgroup_reading reading,
                       struct cgroup_usage *usage) {
    unsigned telling = CGROUP_MEMORY | CGROUP_CPUACCT | (reading == USAGE_NOW ? CGROUP_PIDS : 0);
    *usage = (struct cgroup_usage){0};
    for (int i = 0; i < c->count; i++) {
        const struct cgroup_tree *tree = &c->trees[i];
        if (!tree->v2 && !(tree->controllers & telling)) continue;
        cleanup_fd int dir = open_group(tree, name);
        if (dir < 0) continue;
        if (tree->v2)
            cgroup_v2_usage_read(dir, tree->controllers, reading, usage);
        else
            cgroup_v1_usage_read(dir, tree->controllers, reading, usage);
    }
}

static const struct cgroup_tree *memory_tree(const struct cgroups *c) {
    int i = 0;
    while (!(c->trees[i].controllers & CGROUP_MEMORY)) /* cgroups_find has seen one */
        i++;
    return &c->trees[i];
}

uint64_t cgroup_memory_read(const struct cgroups *c, const char *name) {
    const struct cgroup_tree *tree = memory_tree(c);
    char path[128];
    snprintf(path, sizeof path, "%s/%s", name, tree->v2 ? "memory.current" : "memory.usage_in_bytes");
    return text_read_number(tree->parent, path);
}

uint64_t cgroup_files_read(const struct cgroups *c, const char *name) {
    char path[128];
    snprintf(path, sizeof path, "%s/memory.stat", name);
    return text_read_field(memory_tree(c)->parent, path, "shmem");
}

int cgroup_remove(const struct cgroups *c, const char *name) {
    int err = 0;
    for (int i = 0; i < c->count; i++)
        if (unlinkat(c->trees[i].parent, name, AT_REMOVEDIR) < 0 && errno != ENOENT) err = errno;
    errno = err;
    return err == 0 ? 0 : -1;
}

const char *cgroup_path(const struct cgroups *c, int i, const char *name, char *path, unsigned size) {
    if (i >= c->count) return NULL;
    snprintf(path, size, "%s/%s/%s", c->trees[i].mount, c->name, name);
    return path;
}

const char *cgroups_parent_path(const struct cgroups *c, int i, char *path, unsigned size) {
    bool devices = i == c->count && c->devices.mount[0] != '\0';
    if (i >= c->count && !devices) return NULL;
    snprintf(path, size, "%s/%s", devices ? c->devices.mount : c->trees[i].mount, c->name);
    return path;
}
