/* The warden, at its start: the lock on its state, and the journal of names. Of all it makes, only control
 * groups outlive a kill -9: mounts and namespaces go with their last process, and uid locks with the
 * descriptor. */
#include "leftover.h"
#include "fds.h"
#include "textfile.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define JOURNAL_SIZE 4096
/* A warden that was killed is survived for some milliseconds by children on their way to exec, which share
 * the lock. */
#define LOCK_TRIES 25
#define LOCK_PAUSE_MS 10

static int open_state(const char *data_dir, struct failure *f) {
    struct stat info;
    cleanup_fd int data = open(data_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (data < 0 || fstat(data, &info) < 0) return fail(f, "open data directory", "%.150s", data_dir);
    /* Whoever may write there could swap what root is about to use. */
    if (info.st_uid != 0 || (info.st_mode & 022) != 0) {
        errno = EPERM;
        return fail(f, "open data directory", "%.80s: owner %u, mode %04o, wanted 0 and no write for others",
                    data_dir, (unsigned)info.st_uid, (unsigned)info.st_mode & 07777);
    }
    if (mkdirat(data, "warden", 0700) < 0 && errno != EEXIST)
        return fail(f, "make state directory", "%.150s/warden", data_dir);
    int state = openat(data, "warden", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (state < 0) return fail(f, "open state directory", "%.150s/warden", data_dir);
    return state;
}

static int try_lock(int lock) {
    const struct timespec pause = {.tv_nsec = LOCK_PAUSE_MS * 1000000L};
    for (int tries = 0; tries < LOCK_TRIES; tries++) {
        if (flock(lock, LOCK_EX | LOCK_NB) == 0) return 0;
        nanosleep(&pause, NULL);
    }
    errno = EWOULDBLOCK;
    return -1;
}

int leftover_lock(const char *data_dir, struct failure *f) {
    int state = open_state(data_dir, f);
    if (state < 0) return -1;
    int lock = openat(state, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (lock < 0 || try_lock(lock) < 0) {
        fail(f, "lock data directory", "%.120s is in use by process %llu", data_dir,
             (unsigned long long)text_read_number(state, "lock"));
        fd_close(&lock);
        fd_close(&state);
        return -1;
    }
    /* Never closed: the lock lasts as long as the process. */
    if (ftruncate(lock, 0) < 0 || dprintf(lock, "%d\n", getpid()) < 0) {
        fail(f, "lock data directory", "write to %.120s/warden/lock", data_dir);
        fd_close(&state);
        return -1;
    }
    return state;
}

/* The journal belongs to root, but a group that is not ours is never touched, whatever it says. */
static bool names_group_of_ours(const char *path) {
    const char *name = strrchr(path, '/');
    return path[0] == '/' && name != NULL && strncmp(name, "/tsfn-", 6) == 0 && strstr(path, "/../") == NULL;
}

int leftover_clear(int state, const struct cgroups *c, struct failure *f) {
    char text[JOURNAL_SIZE], path[256];
    if (text_read(state, "journal", text, sizeof text) < 0) {
        if (errno != ENOENT) return fail(f, "read journal", "journal");
        text[0] = '\0';
    }
    for (char *rest = text, *line; (line = strsep(&rest, "\n")) != NULL;)
        if (names_group_of_ours(line) && cgroup_clear(line, f) < 0) return -1;
    for (int i = 0; cgroups_parent_path(c, i, path, sizeof path) != NULL; i++)
        if (cgroup_clear(path, f) < 0) return -1;
    return 0;
}

int leftover_record(int state, const struct cgroups *c, struct failure *f) {
    char path[256];
    cleanup_fd int journal =
        openat(state, "journal", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (journal < 0) return fail(f, "write journal", "open");
    for (int i = 0; cgroups_parent_path(c, i, path, sizeof path) != NULL; i++)
        if (dprintf(journal, "%s\n", path) < 0) return fail(f, "write journal", "%s", path);
    if (fdatasync(journal) < 0) return fail(f, "write journal", "sync");
    return 0;
}
