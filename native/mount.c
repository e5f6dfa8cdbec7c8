/* The warden, once at its start: its own mount namespace, and in it what tsfnd and the sandboxes are shown.
 */
#include "mount.h"
#include "fds.h"
#include "syscalls.h"

#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#define NEVER_ANYTHING (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)

static const struct {
    const char *name;
    unsigned minor;
} devices[] = {{"null", 3}, {"zero", 5}, {"full", 7}, {"random", 8}, {"urandom", 9}};

static const struct {
    const char *name;
    const char *target;
} links[] = {{"fd", "/proc/self/fd"},
             {"stdin", "/proc/self/fd/0"},
             {"stdout", "/proc/self/fd/1"},
             {"stderr", "/proc/self/fd/2"}};

static int make_directory(const char *path, mode_t mode, struct failure *f) {
    if (mkdir(path, mode) < 0 && errno != EEXIST) return fail(f, "make directory", "%s", path);
    if (chmod(path, mode) < 0) return fail(f, "make directory", "%s", path);
    return 0;
}

/* What the host mounts or unmounts later still arrives here, so that no disk is pinned; nothing goes back. */
static int make_private(struct failure *f) {
    if (unshare(CLONE_NEWNS) < 0) return fail(f, "leave the host's mounts", "unshare");
    if (sys_propagation("/", 1 << 19 /* MS_SLAVE */) < 0)
        return fail(f, "leave the host's mounts", "make / a slave");
    return 0;
}

/* The bind lets an unprivileged tsfnd read a package below a directory that only root may enter. */
static int show_program(const char *program, const char *data_dir, struct failure *f) {
    char point[PATH_MAX];
    snprintf(point, sizeof point, "%s/program", data_dir);
    if (make_directory(point, 0755, f) < 0) return -1;
    cleanup_fd int tree =
        sys_open_tree(AT_FDCWD, program, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
    if (tree < 0) return fail(f, "show the program", "%s", program);
    if (sys_mount_set(tree, AT_RECURSIVE, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV) < 0)
        return fail(f, "show the program", "%s read-only", program);
    if (sys_move_mount(tree, AT_FDCWD, point) < 0)
        return fail(f, "show the program", "%s at %s", program, point);
    return 0;
}

static int fill_devices(int dir, struct failure *f) {
    for (unsigned i = 0; i < sizeof devices / sizeof devices[0]; i++)
        if (mknodat(dir, devices[i].name, S_IFCHR, makedev(1, devices[i].minor)) < 0 ||
            fchmodat(dir, devices[i].name, 0666, 0) < 0)
            return fail(f, "make device", "%s", devices[i].name);
    for (unsigned i = 0; i < sizeof links / sizeof links[0]; i++)
        if (symlinkat(links[i].target, dir, links[i].name) < 0)
            return fail(f, "make device", "%s", links[i].name);
    if (mkdirat(dir, "shm", 0755) < 0 || fchmodat(dir, "shm", 0755, 0) < 0)
        return fail(f, "make device", "shm");
    return 0;
}

/* One read-only file system for all sandboxes: one mount each instead of one for every device. */
static int make_devices(const char *point, struct failure *f) {
    cleanup_fd int fs = sys_fsopen("tmpfs");
    if (fs < 0 || sys_fsconfig_string(fs, "source", "tsfn") < 0 ||
        sys_fsconfig_string(fs, "mode", "0755") < 0 || sys_fsconfig_string(fs, "size", "64k") < 0 ||
        sys_fsconfig_create(fs) < 0)
        return fail(f, "mount devices", "tmpfs");
    cleanup_fd int mount = sys_fsmount(fs, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
    if (mount < 0) return fail(f, "mount devices", "tmpfs");
    if (fill_devices(mount, f) < 0) return -1;
    if (sys_mount_set(mount, 0, MOUNT_ATTR_RDONLY) < 0 || sys_move_mount(mount, AT_FDCWD, point) < 0)
        return fail(f, "mount devices", "%s", point);
    return 0;
}

static int mount_proc_at(const char *point) {
    cleanup_fd int fs = sys_fsopen("proc");
    if (fs < 0 || sys_fsconfig_string(fs, "source", "proc") < 0 ||
        sys_fsconfig_string(fs, "subset", "pid") < 0 || sys_fsconfig_create(fs) < 0)
        return -1;
    cleanup_fd int mount = sys_fsmount(fs, NEVER_ANYTHING);
    return mount < 0 ? -1 : sys_move_mount(mount, AT_FDCWD, point);
}

/* It shows the pid namespace of who mounts it: here one whose only process has ended since. */
static int make_seed(const char *point, struct failure *f) {
    int status = 0;
    pid_t pid = sys_clone3(&(struct clone_args){.flags = CLONE_NEWPID, .exit_signal = SIGCHLD});
    if (pid < 0) return fail(f, "mount an empty /proc", "clone3");
    if (pid == 0) _exit(mount_proc_at(point) < 0 ? errno : 0);
    if (waitpid(pid, &status, 0) < 0) return fail(f, "mount an empty /proc", "waitpid");
    if (status == 0) return 0;
    errno = WIFEXITED(status) ? WEXITSTATUS(status) : ECHILD;
    return fail(f, "mount an empty /proc", "%s", point);
}

int mounts_make(struct mounts *m, const char *data_dir, const char *program, struct failure *f) {
    char layers[PATH_MAX];
    snprintf(layers, sizeof layers, "%s/layers", data_dir);
    snprintf(m->build, sizeof m->build, "%s/warden/mnt", data_dir);
    snprintf(m->dev, sizeof m->dev, "%s/warden/dev", data_dir);
    snprintf(m->seed, sizeof m->seed, "%s/warden/proc", data_dir);
    if (make_private(f) < 0 || show_program(program, data_dir, f) < 0 ||
        make_directory(m->build, 0700, f) < 0 || make_directory(m->dev, 0700, f) < 0 ||
        make_devices(m->dev, f) < 0 || make_directory(m->seed, 0700, f) < 0 || make_seed(m->seed, f) < 0)
        return -1;
    /* Opened in the new namespace: only its own mounts may be layers of an overlay made in it. */
    m->detached = root_can_be_detached();
    m->layers = open(layers, O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (m->layers < 0) return fail(f, "open layers", "%s", layers);
    m->proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
    m->home = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
    if (m->proc < 0 || m->home < 0) return fail(f, "remember the way home", "/proc/self/ns/mnt");
    return 0;
}
