/* The root of one sandbox, built by the warden. root_attach.c puts it in its place; pid 1 gives it its /proc
 * (procfs.c). */
#include "fds.h"
#include "mount.h"
#include "proto.h"
#include "syscalls.h"
#include "textfile.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/xattr.h>

#define NEVER_SPECIAL (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)
#define OPENAT2_BENEATH (RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS)

/* What the writable layer holds from the start. Being on top, these directories win over whatever a layer has
 * in their place, a symlink named /dev for one; the opaque ones hide the layers' content too. What
 * nobody owns stays the host's root's. */
enum owner { OWNER_NOBODY, OWNER_ROOT, OWNER_FUNCTION };
static const struct seed {
    const char *path;
    mode_t mode;
    enum owner owner;
    bool opaque;
} seeds[] = {
    {"work", 0700, OWNER_NOBODY, false},        {"shm", 01777, OWNER_ROOT, false},
    {"upper", 0755, OWNER_ROOT, false},         {"upper/dev", 0755, OWNER_ROOT, true},
    {"upper/proc", 0555, OWNER_ROOT, true},     {"upper/sys", 0555, OWNER_ROOT, true},
    {"upper/tmp", 01777, OWNER_ROOT, true},     {"upper/run", 0755, OWNER_ROOT, true},
    {"upper/app", 0755, OWNER_FUNCTION, false}, {"upper/run/secrets", 0700, OWNER_FUNCTION, false},
};
/* Inodes that the seeds and the overlay's own bookkeeping take; a sandbox's limit counts what comes after. */
#define SEED_INODES 16

static int plant(int tmpfs, const struct root_plan *plan, struct failure *f) {
    for (unsigned i = 0; i < sizeof seeds / sizeof seeds[0]; i++) {
        const struct seed *s = &seeds[i];
        uid_t owner = s->owner == OWNER_FUNCTION ? plan->function_uid
                      : s->owner == OWNER_ROOT   ? plan->root_uid
                                                 : 0;
        if (mkdirat(tmpfs, s->path, s->mode) < 0 ||
            (owner != 0 && fchownat(tmpfs, s->path, owner, owner, AT_SYMLINK_NOFOLLOW) < 0))
            return fail(f, "seed the root", "%s", s->path);
        if (!s->opaque) continue;
        cleanup_fd int dir = openat(tmpfs, s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (dir < 0 || fsetxattr(dir, "trusted.overlay.opaque", "y", 1, 0) < 0)
            return fail(f, "seed the root", "%s opaque", s->path);
    }
    return 0;
}

/* Their modes are as they say, whatever the warden's own files get. */
static int seed(int tmpfs, const struct root_plan *plan, struct failure *f) {
    mode_t before = umask(0);
    int result = plant(tmpfs, plan, f);
    umask(before);
    return result;
}

static int set_number(int fs, const char *key, uint64_t value) {
    char text[32];
    snprintf(text, sizeof text, "%llu", (unsigned long long)value);
    return sys_fsconfig_string(fs, key, text);
}

static int make_tmpfs(const struct root_plan *plan, struct failure *f) {
    cleanup_fd int fs = sys_fsopen("tmpfs");
    if (fs < 0 || sys_fsconfig_string(fs, "source", "tsfn") < 0 ||
        sys_fsconfig_string(fs, "mode", "0700") < 0 || set_number(fs, "size", plan->disk_bytes) < 0 ||
        set_number(fs, "nr_inodes", plan->disk_inodes + SEED_INODES) < 0 || sys_fsconfig_create(fs) < 0)
        return fail(f, "make the writable layer", "tmpfs");
    int mount = sys_fsmount(fs, NEVER_SPECIAL);
    if (mount < 0) return fail(f, "make the writable layer", "tmpfs");
    return mount;
}

/* Appends "<number of the layer's descriptor>:" for each layer. They stay open in `opened`. */
static int open_layers(int layers, const struct root_plan *plan, int *opened, char *lower, size_t size,
                       struct failure *f) {
    size_t used = 0;
    for (int i = 0; i < plan->layer_count; i++) {
        opened[i] = sys_openat2(layers, plan->layers[i], O_PATH | O_DIRECTORY | O_CLOEXEC, OPENAT2_BENEATH);
        if (opened[i] < 0) return fail(f, "open layer", "%s", plan->layers[i]);
        used += (size_t)snprintf(lower + used, size - used, "%s%d", i == 0 ? "" : ":", opened[i]);
    }
    return 0;
}

static int configure_overlay(const char *lower, int tmpfs, struct failure *f) {
    char upper[32], work[32];
    snprintf(upper, sizeof upper, "%d/upper", tmpfs);
    snprintf(work, sizeof work, "%d/work", tmpfs);
    cleanup_fd int fs = sys_fsopen("overlay");
    if (fs < 0 || sys_fsconfig_string(fs, "source", "tsfn") < 0 ||
        sys_fsconfig_string(fs, "lowerdir", lower) < 0 || sys_fsconfig_string(fs, "upperdir", upper) < 0 ||
        sys_fsconfig_string(fs, "workdir", work) < 0 || sys_fsconfig_string(fs, "index", "off") < 0 ||
        sys_fsconfig_string(fs, "metacopy", "off") < 0 ||
        sys_fsconfig_string(fs, "redirect_dir", "nofollow") < 0 || sys_fsconfig_create(fs) < 0)
        return fail(f, "mount overlay", "lowerdir=%s", lower);
    int mount = sys_fsmount(fs, NEVER_SPECIAL);
    if (mount < 0) return fail(f, "mount overlay", "fsmount");
    return mount;
}

/* Descriptors as paths relative to /proc/self/fd: nobody can swap a layer between check and use, sixteen
 * layers fit in the 255 bytes that fsconfig takes, and the sandbox's own /proc/mounts tells nothing of the
 * host. */
static int make_overlay(const char *lower, int tmpfs, struct failure *f) {
    if (chdir("/proc/self/fd") < 0) return fail(f, "mount overlay", "/proc/self/fd");
    int mount = configure_overlay(lower, tmpfs, f);
    int saved = errno;
    if (chdir("/") < 0 && mount >= 0) {
        fd_close(&mount);
        return fail(f, "mount overlay", "/");
    }
    errno = saved;
    return mount;
}

static int build_on(const struct mounts *m, const struct root_plan *plan, int tmpfs, struct root *root,
                    struct failure *f) {
    if (seed(tmpfs, plan, f) < 0) return -1;
    int opened[PROTO_MAX_LAYERS];
    memset(opened, -1, sizeof opened);
    char lower[PROTO_MAX_LAYERS * 12];
    if (open_layers(m->layers, plan, opened, lower, sizeof lower, f) == 0)
        root->overlay = make_overlay(lower, tmpfs, f);
    for (int i = 0; i < PROTO_MAX_LAYERS; i++)
        fd_close(&opened[i]);
    if (root->overlay < 0) return -1;
    /* /dev/shm lies in the writable layer: one limit counts both, and a fresh layer empties both. */
    root->shm = sys_open_tree(tmpfs, "shm", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    if (root->shm < 0 || sys_mount_set(root->shm, 0, NEVER_SPECIAL | MOUNT_ATTR_NOEXEC) < 0)
        return fail(f, "make /dev/shm", "bind");
    return 0;
}

bool root_can_be_detached(void) {
    const struct root_plan least = {.disk_bytes = 65536, .disk_inodes = SEED_INODES};
    struct failure f;
    char lower[32];
    cleanup_fd int tmpfs = make_tmpfs(&least, &f);
    if (tmpfs < 0 || mkdirat(tmpfs, "lower", 0700) < 0 || mkdirat(tmpfs, "upper", 0700) < 0 ||
        mkdirat(tmpfs, "work", 0700) < 0)
        return false;
    snprintf(lower, sizeof lower, "%d/lower", tmpfs);
    cleanup_fd int overlay = make_overlay(lower, tmpfs, &f);
    cleanup_fd int bind = sys_open_tree(tmpfs, "lower", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    return overlay >= 0 && bind >= 0;
}

int root_build(const struct mounts *m, const struct root_plan *plan, enum root_proc proc, struct root *root,
               struct failure *f) {
    *root = ROOT_NONE;
    cleanup_fd int tmpfs = make_tmpfs(plan, f);
    if (tmpfs < 0) return -1;
    /* An overlay of an older kernel takes its directories only from a mount of the caller's namespace, so it
     * is attached a while. Taking it off again waits for every cpu (synchronize_rcu_expedited). */
    if (!m->detached && sys_move_mount(tmpfs, AT_FDCWD, m->build) < 0)
        return fail(f, "make the writable layer", "%s", m->build);
    int result = build_on(m, plan, tmpfs, root, f);
    int saved = errno;
    if (!m->detached && sys_umount(m->build) < 0 && result == 0)
        return fail(f, "make the writable layer", "detach %s", m->build);
    errno = saved;
    if (result < 0) return -1;
    root->dev = sys_open_tree(AT_FDCWD, m->dev, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    if (root->dev < 0) return fail(f, "make /dev", "%s", m->dev);
    root->layer = tmpfs;
    tmpfs = -1;
    if (proc == ROOT_PROC_KEEP) return 0;
    /* The kernel lets a user namespace mount /proc only where one is in sight already, all of it
     * (mount_too_revealing), so the sandbox starts with one that shows nothing, until pid 1 puts its own
     * there: the zygote is in the sandbox before, and may be hostile. */
    root->proc = sys_open_tree(AT_FDCWD, m->seed, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    if (root->proc < 0) return fail(f, "make /proc", "%s", m->seed);
    return 0;
}

int root_placeholder(const struct mounts *m, struct root *root, struct failure *f) {
    char empty[PATH_MAX];
    *root = ROOT_NONE;
    /* The mount point of /dev/shm, an empty directory of a read-only file system. */
    if (snprintf(empty, sizeof empty, "%s/shm", m->dev) >= (int)sizeof empty)
        errno = ENAMETOOLONG;
    else
        root->overlay = sys_open_tree(AT_FDCWD, empty, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    return root->overlay < 0 ? fail(f, "make a placeholder root", "%s", m->dev) : 0;
}

void root_close(struct root *root) {
    fd_close(&root->overlay);
    fd_close(&root->dev);
    fd_close(&root->shm);
    fd_close(&root->proc);
    fd_close(&root->layer);
}

/* An inode and a name, in the tmpfs and in the overlay above it. */
#define INODE_BYTES 2048

uint64_t layer_held_bytes(int layer) {
    struct statfs info;
    if (layer < 0 || fstatfs(layer, &info) < 0) return 0;
    return (info.f_blocks - info.f_bfree) * (uint64_t)info.f_bsize +
           (info.f_files - info.f_ffree) * INODE_BYTES;
}

uint64_t layer_free_inodes(int layer) {
    struct statfs info;
    return layer < 0 || fstatfs(layer, &info) < 0 ? 0 : info.f_ffree;
}
