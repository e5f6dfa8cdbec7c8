/* The warden: claims host uids and maps them into sandboxes. */
#include "user.h"
#include "fds.h"
#include "proto.h"
#include "textfile.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Far above what adduser, systemd (up to 0x1fffffff) and subordinate uids (up to 0x23c34600) hand out, and
 * below 2^31 + 2^30, so that no range meets 4294967294, "nobody" of old file systems. */
#define FIRST_UID 0x40000000u
#define UIDS_PER_BLOCK ((uint32_t)PROTO_MAX_SANDBOXES * PROTO_UIDS)
#define MOST_BLOCKS 128
#define LOCK_DIRECTORY "/run/lock/tsfn"

static int open_lock_directory(struct failure *f) {
    mkdir("/run/lock", 0755);
    if (mkdir(LOCK_DIRECTORY, 0755) < 0 && errno != EEXIST)
        return fail(f, "claim uids", "make %s", LOCK_DIRECTORY);
    int dir = open(LOCK_DIRECTORY, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    struct stat info;
    if (dir < 0 || fstat(dir, &info) < 0) return fail(f, "claim uids", "open %s", LOCK_DIRECTORY);
    if (info.st_uid == 0) return dir;
    /* /run/lock is world-writable on some systems: whoever owns this directory could hand out a block twice.
     */
    fd_close(&dir);
    errno = EPERM;
    return fail(f, "claim uids", "%s belongs to uid %u, wanted 0", LOCK_DIRECTORY, (unsigned)info.st_uid);
}

int uid_block_claim(struct uid_block *block, struct failure *f) {
    cleanup_fd int dir = open_lock_directory(f);
    if (dir < 0) return -1;
    for (unsigned n = 0; n < MOST_BLOCKS; n++) {
        char name[32];
        snprintf(name, sizeof name, "uids-%u", n);
        int lock = openat(dir, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (lock < 0) return fail(f, "claim uids", "%s/%s", LOCK_DIRECTORY, name);
        if (flock(lock, LOCK_EX | LOCK_NB) == 0) {
            *block = (struct uid_block){.base = FIRST_UID + n * UIDS_PER_BLOCK, .lock = lock};
            return 0;
        }
        fd_close(&lock);
    }
    errno = EBUSY;
    return fail(f, "claim uids", "all %d blocks are taken by other servers", MOST_BLOCKS);
}

uint32_t uid_range(const struct uid_block *block, unsigned slot) {
    return block->base + slot * PROTO_UIDS;
}

uid_t uid_zygote(const struct uid_block *block) {
    return block->base + UIDS_PER_BLOCK - 1;
}

uid_t uid_pause(const struct uid_block *block) {
    return block->base + UIDS_PER_BLOCK - 2;
}

uid_t uid_closer(const struct uid_block *block) {
    return block->base + UIDS_PER_BLOCK - 3;
}

/* Leaving uid 0 by the effective one alone empties the effective capabilities and keeps the permitted ones.
 */
int user_become_owner(uid_t owner, struct failure *f) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];
    if (syscall(SYS_setresgid, -1, owner, -1) < 0 || syscall(SYS_setresuid, -1, owner, -1) < 0)
        return fail(f, "become the owner", "uid %u", owner);
    if (syscall(SYS_capget, &header, sets) < 0) return fail(f, "become the owner", "capget");
    for (int half = 0; half < _LINUX_CAPABILITY_U32S_3; half++)
        sets[half].effective = sets[half].permitted;
    if (syscall(SYS_capset, &header, sets) < 0) return fail(f, "become the owner", "capset");
    return 0;
}

/* Of inotify(7): the machine has 128 instances and some 8,000 watches for each GiB, unless fs.inotify.* say
 * otherwise. */
int user_limit_shared(int proc, struct failure *f) {
    static const struct {
        const char *path;
        int most;
    } limits[] = {{"sys/user/max_inotify_instances", 8}, {"sys/user/max_inotify_watches", 8192}};
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        if (text_write(proc, limits[i].path, "%d", limits[i].most) == 0) continue;
        /* Built without inotify. */
        if (errno != ENOENT) return fail(f, "limit inotify", "%s to %d", limits[i].path, limits[i].most);
    }
    return 0;
}

int user_map(pid_t pid, uint32_t base, struct failure *f) {
    static const char *const maps[] = {"uid_map", "gid_map"};
    for (int i = 0; i < 2; i++) {
        char path[64];
        snprintf(path, sizeof path, "/proc/%d/%s", pid, maps[i]);
        if (text_write(AT_FDCWD, path, "0 %u %u", base, PROTO_UIDS) < 0)
            return fail(f, "map uids", "%s: 0 to %u", maps[i], base);
    }
    return 0;
}
