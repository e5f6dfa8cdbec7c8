/* A sandbox's own /proc. Runs in its first process, before that gives up the right to mount. */
#include "fds.h"
#include "mount.h"
#include "syscalls.h"

int root_mount_proc(struct failure *f) {
    cleanup_fd int fs = sys_fsopen("proc");
    if (fs < 0 || sys_fsconfig_string(fs, "source", "proc") < 0 ||
        sys_fsconfig_string(fs, "hidepid", "invisible") < 0 || sys_fsconfig_string(fs, "subset", "pid") < 0 ||
        sys_fsconfig_create(fs) < 0)
        return fail(f, "mount /proc", "subset=pid,hidepid=invisible");
    cleanup_fd int mount = sys_fsmount(fs, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
    if (mount < 0) return fail(f, "mount /proc", "fsmount");
    if (sys_umount("/proc") < 0) return fail(f, "mount /proc", "let go of the seed");
    if (sys_move_mount(mount, AT_FDCWD, "/proc") < 0) return fail(f, "mount /proc", "attach");
    return 0;
}
