/* Mounts: the warden's own (mount.c), which nothing outside sees and which go with it, and a sandbox's root
 * (root.c). */
#ifndef TSFN_MOUNT_H
#define TSFN_MOUNT_H

#include "error.h"
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Where sandboxes' roots are made from. */
struct mounts {
    int layers;           /* directory of the layers */
    char build[PATH_MAX]; /* mount point on which one root at a time is built */
    bool detached;        /* or on none, where the kernel can */
    char dev[PATH_MAX];   /* mount of the device nodes that all sandboxes share, read-only */
    char seed[PATH_MAX];  /* mount of a /proc without a process, with which a sandbox begins */
    int proc;             /* directory /proc of the host */
    int home;             /* the warden's own mount namespace */
};

/* Puts the warden in a mount namespace of its own; shows `program` read-only at <data_dir>/program. */
int mounts_make(struct mounts *m, const char *data_dir, const char *program, struct failure *f);

/* The parts of a sandbox's root as detached mounts: they vanish when their descriptors are closed. `layer` is
 * the writable layer itself, which is never attached: whoever keeps it sees how full it is. */
struct root {
    int overlay, dev, shm, proc, layer;
};
#define ROOT_NONE ((struct root){-1, -1, -1, -1, -1})
#define cleanup_root __attribute__((cleanup(root_close)))

struct root_plan {
    const char (*layers)[65]; /* topmost first */
    int layer_count;
    uid_t root_uid;     /* owns what nobody else does, in the host's terms */
    uid_t function_uid; /* owns /app */
    uint64_t disk_bytes;
    uint64_t disk_inodes;
};

enum root_proc { ROOT_PROC_SEED, ROOT_PROC_KEEP };

/* In the warden: a writable tmpfs over read-only layers. With ROOT_PROC_SEED it comes with an empty /proc,
 * until pid 1 puts its own there; otherwise without. */
int root_build(const struct mounts *m, const struct root_plan *plan, enum root_proc proc, struct root *root,
               struct failure *f);
/* Whether the kernel makes an overlay on a tmpfs that is mounted nowhere, as it does since Linux 6.15. */
bool root_can_be_detached(void);
/* For sandboxes whose layers are not known yet: an empty directory. Only root->overlay is set. */
int root_placeholder(const struct mounts *m, struct root *root, struct failure *f);
/* In the maker of such a one: that is its root and all that it sees. */
int root_check_placeholder(const struct mounts *m, struct failure *f);
/* In the maker, in the sandbox's namespaces, and in the foreman: makes it the root and lets go of everything
 * else. */
int root_attach(const struct mounts *m, const struct root *root, struct failure *f);
/* In the warden, which visits the sandbox's mount namespace, where nobody lives yet: lays it over the
 * placeholder, an empty directory that cannot be written to. Nobody who enters later sees that or can reach
 * it; taking it off would have the warden wait for every cpu (synchronize_rcu_expedited), and all others for
 * it. */
int root_cover(const struct mounts *m, int mount_namespace, const struct root *root, struct failure *f);
/* The same as root_attach under the processes that live there, by the warden.
 * Their root moves along, and their working directory if it is the root itself; any other one stays behind
 * in the old root, which lasts as long as they hold something in it. If root->proc is negative, their /proc
 * is carried over. *old keeps the old root from being freed until it is closed. */
int root_swap(const struct mounts *m, int mount_namespace, const struct root *root, int *old,
              struct failure *f);
/* In pid 1 of the sandbox: its own /proc instead of the empty one, with which the sandbox was seeded. */
int root_mount_proc(struct failure *f);
void root_close(struct root *root);
/* Inodes that a writable layer has left, and about what its files take of the memory; 0 if `layer` is
 * negative. */
uint64_t layer_free_inodes(int layer);
uint64_t layer_held_bytes(int layer);

#endif
