/* The groups of L3: one per round in each hierarchy that tsfn uses here, with the same limits set. */
#include "fds.h"
#include "floor.h"
#include "textfile.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

/* What native/cgroup_v1.c and cgroup_v2.c write, in their order; which of them a hierarchy has is found once.
 */
static const struct limit {
    const char *file, *value;
} limits[] = {{"memory.limit_in_bytes", "134217728"},
              {"memory.memsw.limit_in_bytes", "134217728"},
              {"memory.swappiness", "0"},
              {"cpu.cfs_period_us", "100000"},
              {"cpu.cfs_quota_us", "100000"},
              {"memory.max", "134217728"},
              {"memory.swap.max", "0"},
              {"memory.oom.group", "1"},
              {"cpu.max", "100000 100000"},
              {"pids.max", "64"}};
#define LIMITS (sizeof limits / sizeof limits[0])

static struct tree {
    char parent[256], group[272];
    bool v2;
    int tasks; /* of the round's group, while there is one */
    bool has[LIMITS];
} trees[FLOOR_MOST_TREES];
static int count;
static int v2_group = -1;

static void find_limits(struct tree *tree) {
    for (unsigned i = 0; i < LIMITS; i++) {
        char path[320];
        snprintf(path, sizeof path, "%s/%s", tree->group, limits[i].file);
        tree->has[i] = access(path, W_OK) == 0;
    }
}

void floor_cgroups_find(const struct floor_options *options) {
    for (count = 0; count < options->tree_count; count++) {
        struct tree *tree = &trees[count];
        struct statfs info;
        floor_check(statfs(options->trees[count], &info), options->trees[count]);
        tree->v2 = info.f_type == CGROUP2_SUPER_MAGIC;
        snprintf(tree->parent, sizeof tree->parent, "%s/tsfn-floor-%d", options->trees[count], getpid());
        snprintf(tree->group, sizeof tree->group, "%s/tsfn-floor-%d/round", options->trees[count], getpid());
        floor_check(mkdir(tree->parent, 0755), tree->parent);
        floor_check(mkdir(tree->group, 0755), tree->group);
        find_limits(tree);
        floor_check(rmdir(tree->group), tree->group);
    }
}

static void set_limits(const struct tree *tree) {
    cleanup_fd int dir = open(tree->group, O_PATH | O_DIRECTORY | O_CLOEXEC);
    floor_check(dir, tree->group);
    for (unsigned i = 0; i < LIMITS; i++)
        if (tree->has[i]) floor_check(text_write(dir, limits[i].file, "%s", limits[i].value), limits[i].file);
}

void floor_cgroups_create(void) {
    for (int i = 0; i < count; i++) {
        floor_check(mkdir(trees[i].group, 0755), trees[i].group);
        set_limits(&trees[i]);
        if (trees[i].v2) {
            v2_group = floor_check(open(trees[i].group, O_RDONLY | O_DIRECTORY | O_CLOEXEC), trees[i].group);
            continue;
        }
        char path[320];
        snprintf(path, sizeof path, "%s/tasks", trees[i].group);
        trees[i].tasks = floor_check(open(path, O_WRONLY | O_CLOEXEC), path);
    }
}

int floor_cgroups_v2(void) {
    return v2_group;
}

/* By the child itself, and by `tasks`: a write of another's pid into `cgroup.procs` waits for an RCU grace
 * period, which is most of ten milliseconds and nothing that has to be. */
void floor_cgroups_join(void) {
    for (int i = 0; i < count; i++)
        if (!trees[i].v2 && write(trees[i].tasks, "0", 1) != 1) floor_fail(trees[i].group);
}

void floor_cgroups_destroy(void) {
    fd_close(&v2_group);
    for (int i = 0; i < count; i++) {
        if (!trees[i].v2) fd_close(&trees[i].tasks);
        floor_check(rmdir(trees[i].group), trees[i].group);
    }
}

void floor_cgroups_leave(void) {
    for (int i = 0; i < count; i++)
        floor_check(rmdir(trees[i].parent), trees[i].parent);
}
