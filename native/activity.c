/* What a process has done so far, by the kernel's word: whether an instance that does not answer works,
 * sleeps, or has only not been given a processor. Runs in tsfnd. */
#include "libtsfn.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int tsfn_cpu_time(int pid, double *milliseconds) {
    clockid_t clock;
    struct timespec used;
    int error = clock_getcpuclockid(pid, &clock);
    if (error != 0) return -error;
    if (clock_gettime(clock, &used) < 0) return -errno;
    *milliseconds = (double)used.tv_sec * 1e3 + (double)used.tv_nsec / 1e6;
    return 0;
}

int tsfn_is_asleep(int pid) {
    char path[32], text[128];
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return -errno;
    ssize_t length = read(fd, text, sizeof text - 1);
    int error = errno;
    close(fd);
    if (length < 0) return -error;
    text[length] = '\0';
    /* proc_pid_stat(5): a name may hold anything, but nothing after it holds a parenthesis. */
    const char *end = strrchr(text, ')');
    if (end == NULL || end[1] != ' ' || end[2] == '\0') return -EPROTO;
    return end[2] != 'R';
}
