/* The warden, at its start: what a crash left in a cgroup is killed and removed. It may take as long as
 * processes need to die, and nothing else waits for the warden yet. */
#include "cgroup.h"
#include "fds.h"
#include "textfile.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PAUSE_MS 2
#define MOST_TRIES 5000 /* 10 s: a process that is still not dead then waits for a disk */

/* cgroup.kill reaches everything below in one go; v1 has no such file, and then each process is found. */
static void kill_processes(int dir) {
    if (text_write(dir, "cgroup.kill", "1") == 0) return;
    int procs = openat(dir, "cgroup.procs", O_RDONLY | O_CLOEXEC);
    FILE *file = procs < 0 ? NULL : fdopen(procs, "r");
    if (file == NULL) {
        fd_close(&procs);
        return;
    }
    long pid;
    while (fscanf(file, "%ld", &pid) == 1)
        if (pid > 1 && pid != getpid()) kill((pid_t)pid, SIGKILL);
    fclose(file);
}

static bool is_group(const struct dirent *entry) {
    return entry->d_type == DT_DIR && strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
}

/* 0 when the group is gone. */
static int clear_once(int at, const char *name) {
    cleanup_fd int dir = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (dir < 0) return errno == ENOENT ? 0 : -1;
    kill_processes(dir);
    DIR *list = fdopendir(fcntl(dir, F_DUPFD_CLOEXEC, 0));
    if (list == NULL) return -1;
    for (struct dirent *entry; (entry = readdir(list)) != NULL;)
        if (is_group(entry)) clear_once(dir, entry->d_name);
    closedir(list);
    return unlinkat(at, name, AT_REMOVEDIR) < 0 && errno != ENOENT ? -1 : 0;
}

int cgroup_clear(const char *path, struct failure *f) {
    const struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000L};
    for (int tries = 0; tries < MOST_TRIES; tries++) {
        if (clear_once(AT_FDCWD, path) == 0) return 0;
        nanosleep(&pause, NULL);
    }
    return fail(f, "remove leftover cgroup", "%s", path);
}
