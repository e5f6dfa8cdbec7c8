/* System calls that some C library lacks a wrapper for (glibc before 2.36, musl). Both processes use them;
 * each returns what the kernel returns, with errno set. <sys/mount.h> contradicts <linux/mount.h>: nobody
 * includes it. */
#ifndef TSFN_SYSCALLS_H
#define TSFN_SYSCALLS_H

#include <fcntl.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#ifndef MNT_DETACH
#define MNT_DETACH 2
#endif
#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000
#endif

static inline int sys_open_tree(int dir, const char *path, unsigned int flags) {
    return (int)syscall(SYS_open_tree, dir, path, flags);
}

/* Attaches the detached mount `mount` at `path`, which must not end in a symlink. */
static inline int sys_move_mount(int mount, int dir, const char *path) {
    return (int)syscall(SYS_move_mount, mount, "", dir, path, MOVE_MOUNT_F_EMPTY_PATH);
}

static inline int sys_fsopen(const char *type) {
    return (int)syscall(SYS_fsopen, type, FSOPEN_CLOEXEC);
}

static inline int sys_fsconfig_string(int fs, const char *key, const char *value) {
    return (int)syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, key, value, 0);
}

static inline int sys_fsconfig_create(int fs) {
    return (int)syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
}

static inline int sys_fsmount(int fs, unsigned int attributes) {
    return (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, attributes);
}

static inline int sys_mount_set(int mount, unsigned int flags, uint64_t attributes) {
    struct mount_attr attr = {.attr_set = attributes};
    return (int)syscall(SYS_mount_setattr, mount, "", AT_EMPTY_PATH | flags, &attr, sizeof attr);
}

static inline int sys_propagation(const char *path, uint64_t propagation) {
    struct mount_attr attr = {.propagation = propagation};
    return (int)syscall(SYS_mount_setattr, AT_FDCWD, path, AT_RECURSIVE, &attr, sizeof attr);
}

static inline int sys_umount(const char *path) {
    return (int)syscall(SYS_umount2, path, MNT_DETACH);
}

static inline int sys_pivot_root(const char *new_root, const char *put_old) {
    return (int)syscall(SYS_pivot_root, new_root, put_old);
}

static inline int sys_openat2(int dir, const char *path, uint64_t flags, uint64_t resolve) {
    struct open_how how = {.flags = flags, .resolve = resolve};
    return (int)syscall(SYS_openat2, dir, path, &how, sizeof how);
}

/* Like fork(): 0 in the child. Handlers and locks of the C library know nothing of it, which is right for a
 * process with one thread. */
static inline pid_t sys_clone3(const struct clone_args *args) {
    return (pid_t)syscall(SYS_clone3, args, sizeof *args);
}

#endif
