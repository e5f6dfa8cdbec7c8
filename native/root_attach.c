/* A root takes its place: in a sandbox that is being made, by the maker, and around the foreman; under the
 * processes of one that lives, by the warden. */
#include "fds.h"
#include "mount.h"
#include "syscalls.h"
#include "textfile.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ONLY_ROOT 0x1u
#define ALL_POINTS 0xfu

/* Says what is wrong if any mount is visible but the sandbox's own, each once. Reads the host's /proc, which
 * shows every process its own mounts; kernels differ in the order of the lines. */
static int check_nothing_left(int proc, unsigned wanted, struct failure *f) {
    static const char *const points[] = {"/", "/dev", "/dev/shm", "/proc"};
    char text[4096];
    if (text_read(proc, "self/mountinfo", text, sizeof text) < 0)
        return fail(f, "check the root", "self/mountinfo");
    unsigned seen = 0;
    for (char *rest = text, *line; (line = strsep(&rest, "\n")) != NULL && *line != '\0';) {
        char point[256] = "";
        sscanf(line, "%*s %*s %*s %*s %255s", point);
        unsigned which = 0;
        while (which < 4 && strcmp(point, points[which]) != 0)
            which++;
        errno = ENOTEMPTY;
        if (which == 4 || (seen & (1u << which)) != 0)
            return fail(f, "check the root", "found mount %.120s", line);
        seen |= 1u << which;
    }
    errno = ENOENT;
    return seen == wanted ? 0 : fail(f, "check the root", "mounts %#x of %#x", seen, wanted);
}

static int attach(int mount, const char *point, struct failure *f) {
    if (mount < 0 || sys_move_mount(mount, AT_FDCWD, point) == 0) return 0;
    return fail(f, "attach the root", "/%s", point);
}

/* Over the root of before, which whoever enters the namespace from now on does not see. The working directory
 * is the new one then. */
static int lay_over(const struct root *root, struct failure *f) {
    if (sys_move_mount(root->overlay, AT_FDCWD, "/") < 0 || fchdir(root->overlay) < 0)
        return fail(f, "attach the root", "overlay");
    if (attach(root->dev, "dev", f) < 0 || attach(root->shm, "dev/shm", f) < 0) return -1;
    return attach(root->proc, "proc", f);
}

int root_attach(const struct mounts *m, const struct root *root, struct failure *f) {
    if (lay_over(root, f) < 0) return -1;
    /* The old root ends up on top of the new one, where "." still reaches it (pivot_root(2), NOTES). */
    if (sys_pivot_root(".", ".") < 0) return fail(f, "change the root", "pivot_root");
    if (sys_umount(".") < 0 || chdir("/") < 0) return fail(f, "let go of the old root", "umount");
    return check_nothing_left(m->proc, root->dev < 0 ? ONLY_ROOT : ALL_POINTS, f);
}

int root_check_placeholder(const struct mounts *m, struct failure *f) {
    return check_nothing_left(m->proc, ONLY_ROOT, f);
}

/* In the sandbox. "/" still is the old root: what is attached at a process's own root lies above it unseen.
 */
static int attach_carrying_proc(const struct mounts *m, const struct root *root, struct failure *f) {
    struct root carried = *root;
    cleanup_fd int proc = -1;
    if (root->proc < 0) {
        /* Who is root in the sandbox, as code in a zygote can be, may have put a symlink there. */
        proc = sys_open_tree(AT_FDCWD, "/proc", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_SYMLINK_NOFOLLOW);
        if (proc < 0) return fail(f, "carry over /proc", "open_tree");
        carried.proc = proc;
    }
    return root_attach(m, &carried, f);
}

/* Coming home also sets root and working directory, to the root of the namespace. A warden that cannot is of
 * no use: everything it does next would be in the sandbox. */
static void come_home(const struct mounts *m) {
    int saved = errno;
    if (setns(m->home, CLONE_NEWNS) < 0) {
        perror("warden: cannot come back from a sandbox");
        _exit(1);
    }
    errno = saved;
}

static int cover(const struct mounts *m, const struct root *root, struct failure *f) {
    if (lay_over(root, f) < 0) return -1;
    /* From here on it sees what those who enter later will see. */
    if (chroot(".") < 0) return fail(f, "change the root", "chroot");
    return check_nothing_left(m->proc, ALL_POINTS, f);
}

int root_cover(const struct mounts *m, int mount_namespace, const struct root *root, struct failure *f) {
    if (setns(mount_namespace, CLONE_NEWNS) < 0) return fail(f, "visit the sandbox", "setns");
    int result = cover(m, root, f);
    come_home(m);
    return result;
}

int root_swap(const struct mounts *m, int mount_namespace, const struct root *root, int *old,
              struct failure *f) {
    if (setns(mount_namespace, CLONE_NEWNS) < 0) return fail(f, "visit the sandbox", "setns");
    *old = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    int result = *old < 0 ? fail(f, "hold the old root", "open") : attach_carrying_proc(m, root, f);
    come_home(m);
    return result;
}
