/* L7, and the root of L3: the same layers under a tmpfs of the same limits as native/root.c makes them, with
 * nothing checked. */
#include "fds.h"
#include "floor.h"
#include "syscalls.h"

#include <errno.h>
#include <linux/limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#define NEVER_SPECIAL (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)

static const struct seed {
    const char *path;
    mode_t mode;
    int owner; /* uid inside; -1: the host's root */
    bool opaque;
} seeds[] = {{"work", 0700, -1, false},     {"shm", 01777, 0, false},      {"upper", 0755, 0, false},
             {"upper/dev", 0755, 0, true},  {"upper/proc", 0555, 0, true}, {"upper/sys", 0555, 0, true},
             {"upper/tmp", 01777, 0, true}, {"upper/run", 0755, 0, true},  {"upper/app", 0755, 1000, false}};
static const char *const devices[] = {"null", "zero", "full", "random", "urandom"};
static const unsigned minors[] = {3, 5, 7, 8, 9};

static char build[PATH_MAX], devices_at[PATH_MAX], swap_at[PATH_MAX];
static const struct floor_options *plan;

static int new_mount(int fs, unsigned attributes) {
    floor_check(sys_fsconfig_create(fs), "create a file system");
    return floor_check(sys_fsmount(fs, attributes), "mount a file system");
}

static void make_devices(void) {
    cleanup_fd int fs = floor_check(sys_fsopen("tmpfs"), "open tmpfs");
    cleanup_fd int mount = new_mount(fs, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
    for (unsigned i = 0; i < sizeof devices / sizeof devices[0]; i++)
        floor_check(mknodat(mount, devices[i], S_IFCHR | 0666, makedev(1, minors[i])), devices[i]);
    floor_check(mkdirat(mount, "shm", 0755), "make /dev/shm");
    floor_check(sys_mount_set(mount, 0, MOUNT_ATTR_RDONLY), "make /dev read-only");
    floor_check(sys_move_mount(mount, AT_FDCWD, devices_at), "mount /dev");
}

void floor_root_prepare(const struct floor_options *options) {
    plan = options;
    snprintf(build, sizeof build, "%s/build", plan->place);
    snprintf(devices_at, sizeof devices_at, "%s/dev", plan->place);
    snprintf(swap_at, sizeof swap_at, "%s/swap", plan->place);
    floor_check(mkdir(build, 0700), build);
    floor_check(mkdir(devices_at, 0700), devices_at);
    floor_check(mkdir(swap_at, 0700), swap_at);
    make_devices();
}

void floor_root_forget(void) {
    floor_check(sys_umount(devices_at), devices_at);
    floor_check(rmdir(build), build);
    floor_check(rmdir(devices_at), devices_at);
    floor_check(rmdir(swap_at), swap_at);
}

static int make_tmpfs(void) {
    cleanup_fd int fs = floor_check(sys_fsopen("tmpfs"), "open tmpfs");
    floor_check(sys_fsconfig_string(fs, "mode", "0700"), "mode of tmpfs");
    floor_check(sys_fsconfig_string(fs, "size", "67108864"), "size of tmpfs");
    floor_check(sys_fsconfig_string(fs, "nr_inodes", "16400"), "inodes of tmpfs");
    return new_mount(fs, NEVER_SPECIAL);
}

static void plant_seeds(int tmpfs, uid_t owner) {
    for (unsigned i = 0; i < sizeof seeds / sizeof seeds[0]; i++) {
        const struct seed *s = &seeds[i];
        uid_t uid = s->owner < 0 ? 0 : owner + (uid_t)s->owner;
        floor_check(mkdirat(tmpfs, s->path, 0700), s->path);
        floor_check(fchownat(tmpfs, s->path, uid, uid, AT_SYMLINK_NOFOLLOW), s->path);
        floor_check(fchmodat(tmpfs, s->path, s->mode, 0), s->path);
        if (!s->opaque) continue;
        cleanup_fd int dir = floor_check(openat(tmpfs, s->path, O_RDONLY | O_DIRECTORY), s->path);
        floor_check(fsetxattr(dir, "trusted.overlay.opaque", "y", 1, 0), s->path);
    }
}

static int make_overlay(void) {
    cleanup_fd int fs = floor_check(sys_fsopen("overlay"), "open overlay");
    char upper[PATH_MAX + 8], work[PATH_MAX + 8];
    snprintf(upper, sizeof upper, "%s/upper", build);
    snprintf(work, sizeof work, "%s/work", build);
    for (int i = 0; i < plan->layer_count; i++)
        floor_check(sys_fsconfig_string(fs, "lowerdir+", plan->layers[i]), plan->layers[i]);
    floor_check(sys_fsconfig_string(fs, "upperdir", upper), upper);
    floor_check(sys_fsconfig_string(fs, "workdir", work), work);
    return new_mount(fs, NEVER_SPECIAL);
}

static int clone_tree(int dir, const char *path) {
    return floor_check(sys_open_tree(dir, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC), path);
}

void floor_root_build(struct floor_root *root, uid_t owner) {
    cleanup_fd int tmpfs = make_tmpfs();
    floor_check(sys_move_mount(tmpfs, AT_FDCWD, build), build);
    plant_seeds(tmpfs, owner);
    root->overlay = make_overlay();
    root->shm = clone_tree(tmpfs, "shm");
    floor_check(sys_mount_set(root->shm, 0, NEVER_SPECIAL | MOUNT_ATTR_NOEXEC), "/dev/shm");
    floor_check(sys_umount(build), build);
    root->dev = clone_tree(AT_FDCWD, devices_at);
    root->proc = clone_tree(AT_FDCWD, "/proc");
}

void floor_root_close(struct floor_root *root) {
    fd_close(&root->overlay);
    fd_close(&root->dev);
    fd_close(&root->shm);
    fd_close(&root->proc);
}

void floor_root_enter(const struct floor_root *root) {
    floor_check(sys_move_mount(root->overlay, AT_FDCWD, "/"), "attach the root");
    floor_check(fchdir(root->overlay), "enter the root");
    floor_check(sys_move_mount(root->dev, AT_FDCWD, "dev"), "attach /dev");
    floor_check(sys_move_mount(root->shm, AT_FDCWD, "dev/shm"), "attach /dev/shm");
    floor_check(sys_move_mount(root->proc, AT_FDCWD, "proc"), "attach the seed of /proc");
    floor_check(sys_pivot_root(".", "."), "change the root");
    floor_check(sys_umount("."), "let go of the old root");
    cleanup_fd int fs = floor_check(sys_fsopen("proc"), "open proc");
    floor_check(sys_fsconfig_string(fs, "hidepid", "invisible"), "hidepid of /proc");
    floor_check(sys_fsconfig_string(fs, "subset", "pid"), "subset of /proc");
    cleanup_fd int proc = new_mount(fs, NEVER_SPECIAL | MOUNT_ATTR_NOEXEC);
    floor_check(sys_umount("/proc"), "let go of the seed of /proc");
    floor_check(sys_move_mount(proc, AT_FDCWD, "/proc"), "attach /proc");
}

void floor_layer_swap(struct floor_time *spent) {
    struct floor_root root;
    floor_start(spent);
    floor_root_build(&root, 0);
    floor_check(sys_move_mount(root.overlay, AT_FDCWD, swap_at), swap_at);
    floor_root_close(&root);
    floor_check(sys_umount(swap_at), swap_at);
    floor_stop(spent);
}
