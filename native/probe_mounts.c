/* Trials of what a sandbox's root is made of, with the mount API that mount.c uses. Runs in children of the
 * warden, each in a mount namespace of its own; probe.c has the list. */
#include "probe_trials.h"

#include "syscalls.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

/* Every Linux system has it, and in the child's own namespace what is under it may be covered. */
#define PLACE "/tmp"

struct option {
    const char *key;
    const char *value;
};

static bool mount_at(const char *type, const struct option *options, const char *place) {
    int fs = sys_fsopen(type);
    if (fs < 0) return false;
    for (const struct option *o = options; o->key != NULL; o++)
        if (sys_fsconfig_string(fs, o->key, o->value) < 0) return false;
    if (sys_fsconfig_create(fs) < 0) return false;
    int tree = sys_fsmount(fs, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
    return tree >= 0 && sys_move_mount(tree, AT_FDCWD, place) == 0;
}

static bool own_mounts(void) {
    return unshare(CLONE_NEWNS) == 0 && sys_propagation("/", MS_PRIVATE) == 0;
}

static bool tmpfs_at_place(void) {
    static const struct option limits[] = {
        {"size", "1m"}, {"nr_inodes", "32"}, {"mode", "0755"}, {NULL, NULL}};
    return own_mounts() && mount_at("tmpfs", limits, PLACE);
}

void probe_tmpfs(struct probe_feature *feature) {
    if (!tmpfs_at_place()) return probe_failed(feature, "mount a tmpfs with size and inode limits");

    int fd = open(PLACE "/file", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) return probe_failed(feature, "write to a tmpfs");
    if (ftruncate(fd, 0) < 0 || fallocate(fd, 0, 0, 2 << 20) == 0)
        return probe_missing(feature, "a file outgrows the size limit");
    probe_ok(feature, "limits size and inodes");
}

/* lower/dir/below is what a layer has; `opaque` is what the trusted top does about dir. */
static bool overlay_at_place(bool opaque) {
    static const struct option options[] = {
        {"lowerdir", PLACE "/lower"}, {"upperdir", PLACE "/upper"}, {"workdir", PLACE "/work"}, {NULL, NULL}};
    static const char *const directories[] = {PLACE "/lower",    PLACE "/upper",     PLACE "/work",
                                              PLACE "/merged",   PLACE "/lower/dir", PLACE "/lower/dir/below",
                                              PLACE "/upper/dir"};

    if (!tmpfs_at_place()) return false;
    for (size_t i = 0; i < sizeof directories / sizeof directories[0]; i++)
        if (mkdir(directories[i], 0755) < 0) return false;
    if (opaque && setxattr(PLACE "/upper/dir", "trusted.overlay.opaque", "y", 1, 0) < 0) return false;
    return mount_at("overlay", options, PLACE "/merged");
}

void probe_overlay(struct probe_feature *feature) {
    if (!overlay_at_place(false)) return probe_failed(feature, "mount an overlay on tmpfs");
    if (access(PLACE "/merged/dir/below", F_OK) < 0) return probe_failed(feature, "see a lower directory");
    if (rmdir(PLACE "/merged/dir/below") < 0) return probe_failed(feature, "remove a lower directory");
    if (access(PLACE "/lower/dir/below", F_OK) < 0)
        return probe_missing(feature, "a removal reaches the lower layer");
    probe_ok(feature, "overlay on tmpfs, through the new mount API");
}

void probe_overlay_opaque(struct probe_feature *feature) {
    if (!overlay_at_place(true))
        return probe_failed(feature, "mount an overlay with trusted.overlay.opaque on tmpfs");
    if (access(PLACE "/merged/dir/below", F_OK) == 0)
        return probe_missing(feature, "an opaque directory lets a layer through");
    probe_ok(feature, "an opaque directory hides what layers put there");
}

static void look_at_proc(struct probe_feature *feature) {
    static const struct option options[] = {{"subset", "pid"}, {"hidepid", "invisible"}, {NULL, NULL}};

    if (!own_mounts() || !mount_at("proc", options, PLACE))
        return probe_failed(feature, "mount proc with subset=pid,hidepid=invisible");
    if (access(PLACE "/1/status", F_OK) < 0) return probe_failed(feature, "find pid 1");
    if (access(PLACE "/sys", F_OK) == 0)
        return probe_missing(feature, "/proc/sys is there in spite of subset=pid");
    probe_ok(feature, "subset=pid, hidepid=invisible");
}

/* A proc shows the pid namespace of who mounts it, so a first process of a new one does. */
void probe_proc(struct probe_feature *feature) {
    if (unshare(CLONE_NEWPID) < 0) return probe_failed(feature, "unshare");
    pid_t child = fork();
    if (child < 0) return probe_failed(feature, "fork");
    if (child == 0) {
        look_at_proc(feature);
        _exit(0);
    }
    if (waitpid(child, NULL, 0) < 0) probe_failed(feature, "wait");
}
