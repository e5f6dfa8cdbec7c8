/* The floors of docs/performance: what the kernel alone needs for the work that tsfn asks of it. floor.c
 * reads the names of floors from stdin and prints one JSON line for each round; every other file holds some
 * rounds. Whatever fails ends the program: a floor that did less than it says would be a lie. */
#ifndef TSFN_FLOOR_H
#define TSFN_FLOOR_H

#include <stdbool.h>
#include <stdint.h>
#include <stdnoreturn.h>
#include <sys/types.h>

#define FLOOR_MOST_LAYERS 16
#define FLOOR_MOST_TREES 8

struct floor_options {
    uint64_t private_bytes;                /* of the process that is forked: what a zygote has for itself */
    unsigned mappings;                     /* in so many pieces */
    unsigned touched_pages;                /* the child writes to as many as a clone does */
    const char *layers[FLOOR_MOST_LAYERS]; /* directories, topmost first */
    int layer_count;
    const char *trees[FLOOR_MOST_TREES]; /* mount points of the cgroup hierarchies to attach to */
    int tree_count;
    const char *place; /* an empty directory; what is made below it is removed, it stays */
};

struct floor_time {
    int64_t wall_ns;
    int64_t ready_ns; /* until the work was there to be used; what is taken down comes later */
    int64_t cpu_ns;   /* user and system, of this process and its children */
};

/* One kind of round. */
struct floor {
    const char *name;
    void (*run)(struct floor_time *spent);
};

noreturn void floor_fail(const char *what);
/* Fails when `result` is negative; returns it otherwise. */
int floor_check(int result, const char *what);
void floor_start(struct floor_time *spent);
void floor_ready(struct floor_time *spent);
/* Ready, too, where nobody said so earlier. */
void floor_stop(struct floor_time *spent);
/* Waits for a child that must end with status 0. */
void floor_reap(pid_t child);

/* floor_memory.c: L1, L2, L8 */
void floor_memory_fill(const struct floor_options *options);
/* As a clone does when it runs: each write copies a page. */
void floor_memory_touch(void);
void floor_memory_keep_out_of_forks(bool out);
void floor_bare_fork(struct floor_time *spent);
void floor_large_fork(struct floor_time *spent);
/* Prints its own line: {floor, privateBytes, pageTablesBytes}. */
void floor_clone_memory(void);

/* floor_socket.c: L5, the mean of FLOOR_TRIPS */
#define FLOOR_TRIPS 1000
void floor_round_trip(struct floor_time *spent);

/* floor_cgroups.c */
void floor_cgroups_find(const struct floor_options *options);
void floor_cgroups_create(void);
/* Everywhere but in the v2 tree, into which it was born if floor_cgroups_v2() is not -1. */
void floor_cgroups_join(void);
int floor_cgroups_v2(void);
void floor_cgroups_destroy(void);
void floor_cgroups_leave(void);

/* floor_root.c: L7 and the root of L3 */
struct floor_root {
    int overlay, dev, shm, proc;
};
void floor_root_prepare(const struct floor_options *options);
void floor_root_build(struct floor_root *root, uid_t owner);
void floor_root_close(struct floor_root *root);
/* Inside the sandbox: attach it, pivot_root, let go of the old one, mount /proc. */
void floor_root_enter(const struct floor_root *root);
void floor_layer_swap(struct floor_time *spent);
void floor_root_forget(void);

/* floor_sandbox.c: L3 */
void floor_sandbox(struct floor_time *spent);
/* Holds a finished child of L3 until a line arrives on stdin, having printed its pid: for comparing its locks
 * with an instance's. */
void floor_sandbox_hold(void);

#endif
