/* Control groups: one parent `tsfn-<id>` in each hierarchy used, one group per sandbox below it. The front
 * (cgroup.c) finds the hierarchies and treats them alike; what differs is in cgroup_v1.c and cgroup_v2.c.
 * Runs in the warden, except cgroup_join, which the process to be contained calls. */
#ifndef TSFN_CGROUP_H
#define TSFN_CGROUP_H

#include "error.h"
#include <stdbool.h>
#include <stdint.h>

#define CGROUP_NAME_LENGTH 32
#define CGROUP_MOST_TREES 5

/* What a hierarchy controls, as a set of bits. */
#define CGROUP_MEMORY 1u
#define CGROUP_CPU 2u
#define CGROUP_PIDS 4u
#define CGROUP_CPUACCT 8u
#define CGROUP_DEVICES 16u

struct cgroup_tree {
    char mount[192];
    bool v2;
    unsigned controllers;
    int parent; /* descriptor of <mount>/tsfn-<id> */
};

struct cgroups {
    char name[CGROUP_NAME_LENGTH]; /* tsfn-<id> */
    struct cgroup_tree trees[CGROUP_MOST_TREES];
    int count;
    int v2; /* index of the v2 tree, which also kills and counts cpu time; -1 if there is none */
    struct cgroup_tree devices; /* v1 only; the warden itself is in it. mount is empty if there is none */
    char home[256];             /* the warden's own devices group, to which it returns */
};

struct cgroup_limits {
    uint64_t memory_bytes;
    uint64_t cpu_thousandths;
    uint64_t pids;
    bool oom_takes_one; /* not all that is in the group */
};

struct cgroup_usage {
    uint64_t cpu_us;
    uint64_t memory_bytes;
    uint64_t memory_peak_bytes;
    uint64_t pids;
    uint64_t oom_kills;
};

/* Finds the mounted hierarchies; makes nothing. Fails if memory, cpu or pids is nowhere. */
int cgroups_find(struct cgroups *c, const char *server_id, struct failure *f);
/* Path of the parent in hierarchy i (from 0, the devices one last); NULL past the end. For the journal. */
const char *cgroups_parent_path(const struct cgroups *c, int i, char *path, unsigned size);
/* Makes the parents and moves the warden into its device allow-list, which every sandbox then inherits. */
int cgroups_make(struct cgroups *c, struct failure *f);
/* Moves the warden back, kills what is left below the parents (tsfnd's own children), removes them. Blocks.
 */
int cgroups_remove(struct cgroups *c, struct failure *f);
/* Kills everything in the group at `path` and below and removes it. For leftovers; blocks until it is done.
 */
int cgroup_clear(const char *path, struct failure *f);

/* `name` is a sandbox's id, or CGROUP_DAEMON: tsfnd's own group, so that a restart after a crash finds it. */
#define CGROUP_DAEMON "_tsfnd"
/* Who will be in a group: a clone stays out of a tree that controls nothing (cgroup_open_doors), tsfnd has no
 * limits and is in the v2 tree only, so that it is found. */
enum cgroup_kind { CGROUP_OF_PROGRAM, CGROUP_OF_CLONE, CGROUP_OF_DAEMON };
/* limits may be NULL for CGROUP_OF_DAEMON, which is the closer's, too. */
int cgroup_create(const struct cgroups *c, const char *name, enum cgroup_kind kind,
                  const struct cgroup_limits *limits, struct failure *f);
bool cgroup_has(const struct cgroups *c, int i, enum cgroup_kind kind);
int cgroup_limits_set(const struct cgroups *c, const char *name, const struct cgroup_limits *limits,
                      struct failure *f);
/* For CLONE_INTO_CGROUP; -1 with errno, ENOENT if there is no v2 tree. */
int cgroup_open_v2(const struct cgroups *c, const char *name);
/* How much of the processor a group gets while others want it too, as v2 counts (cpu.weight). A clone that is
 * not complete has a quarter, so that those who answer calls do not wait for those who will. tsfnd has the
 * most that there is; under v1 it is in no cpu hierarchy, and competes with all sandboxes together. */
#define WEIGHT_OF_START 25u
#define WEIGHT_USUAL 100u
#define WEIGHT_OF_DAEMON 10000u
int cgroup_weigh(const struct cgroups *c, const char *name, enum cgroup_kind kind, unsigned weight,
                 struct failure *f);
/* Moves the calling process, which has one thread, into the groups of the v1 trees. */
int cgroup_join(const struct cgroups *c, const char *name, struct failure *f);
/* Files of the group, open for writing: whoever writes "0" into all of them is in the group. The kernel asks
 * whether the opener may, so they serve a process that may not (since Linux 5.16). Returns how many; the
 * caller closes them. -1: none is open. A v2 tree that controls nothing has none: a migration there waits for
 * an RCU grace period, 12 to 17 ms on an idle machine, and the members of a clone's group are those of its
 * pid namespace. */
int cgroup_open_doors(const struct cgroups *c, const char *name, int *doors, struct failure *f);
/* SIGKILL to every process of the group at once. -1 with errno where the kernel cannot. */
int cgroup_kill(const struct cgroups *c, const char *name);
/* An eventfd that becomes readable when the group is out of memory; -1 where the kernel kills all by itself.
 */
int cgroup_watch_oom(const struct cgroups *c, const char *name);
/* All of it, or only what lasts beyond the processes: cpu time, peak of memory, kills. */
enum cgroup_reading { USAGE_NOW, USAGE_LASTING };
void cgroup_usage_read(const struct cgroups *c, const char *name, enum cgroup_reading reading,
                       struct cgroup_usage *usage);
/* Its memory in use alone, or of that what holds files without a disk; 0 if it cannot be told. The latter is
 * as much too high or too low as processors may not have told yet. */
uint64_t cgroup_memory_read(const struct cgroups *c, const char *name);
uint64_t cgroup_files_read(const struct cgroups *c, const char *name);
/* -1 with errno; EBUSY: a process is still leaving, try again. Success if there is no such group. */
int cgroup_remove(const struct cgroups *c, const char *name);
/* Absolute path in hierarchy i; NULL past the end. */
const char *cgroup_path(const struct cgroups *c, int i, const char *name, char *path, unsigned size);

/* The backends: `dir` is the sandbox's own group, `controllers` what the tree controls. */
/* A new group has no limit. */
enum cgroup_age { GROUP_IS_NEW, GROUP_HAS_LIMITS };
int cgroup_v1_limits_set(int dir, unsigned controllers, const struct cgroup_limits *limits,
                         enum cgroup_age age, struct failure *f);
int cgroup_v1_weight_set(int dir, unsigned weight, struct failure *f);
int cgroup_v1_watch_oom(int dir);
void cgroup_v1_usage_read(int dir, unsigned controllers, enum cgroup_reading reading,
                          struct cgroup_usage *usage);
int cgroup_v1_devices_allow(int dir, struct failure *f);
int cgroup_v2_limits_set(int dir, unsigned controllers, const struct cgroup_limits *limits,
                         struct failure *f);
void cgroup_v2_usage_read(int dir, unsigned controllers, enum cgroup_reading reading,
                          struct cgroup_usage *usage);
int cgroup_v2_weight_set(int dir, unsigned weight, struct failure *f);
int cgroup_v2_enable(int dir, unsigned controllers, struct failure *f);

/* Length of a quota's period. The share is exact over each of them: a burst never lasts longer. */
#define CGROUP_CPU_PERIOD_US 100000

#endif
