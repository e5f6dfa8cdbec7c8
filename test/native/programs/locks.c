/* Applies one lock of native/ for real and prints what the process is then; locks.test.ts runs it.
 *   locks caps|caps-late          the capability lines of /proc/self/status
 *   locks limits N                the lines of /proc/self/limits
 *   locks fds FILE N…             keeps descriptors 10+N…, writes to FILE what is open then
 *   locks landlock PID            what signalling PID says, before and after */
#include "caps.h"
#include "fds.h"
#include "landlock.h"
#include "limits.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FIRST_SOURCE 10
#define SOURCES 8

static int report(const struct failure *f) {
    printf("failed: %s: %s: %d\n", f->step, f->detail, f->err);
    return 1;
}

static void print_file(const char *path) {
    char line[512];
    FILE *file = fopen(path, "re");

    if (file == NULL) return;
    while (fgets(line, sizeof line, file) != NULL)
        fputs(line, stdout);
    fclose(file);
}

static int caps(bool bounding_first) {
    struct failure f;

    if (bounding_first && caps_drop_bounding(&f) < 0) return report(&f);
    if (setresgid(1000, 1000, 1000) < 0 || setresuid(1000, 1000, 1000) < 0) return 2;
    if (caps_drop_all(&f) < 0) return report(&f);
    if (caps_no_new_privs(&f) < 0) return report(&f);
    print_file("/proc/self/status");
    return 0;
}

static int limits(uint64_t open_files) {
    struct failure f;

    if (limits_apply(open_files, &f) < 0) return report(&f);
    print_file("/proc/self/limits");
    return 0;
}

/* Descriptor FIRST_SOURCE + i is a memory file that holds i. */
static void open_sources(void) {
    for (int i = 0; i < SOURCES; i++) {
        int fd = memfd_create("source", MFD_CLOEXEC);
        if (dprintf(fd, "%d", i) < 0 || dup3(fd, FIRST_SOURCE + i, O_CLOEXEC) < 0) exit(2);
        close(fd);
    }
}

static int list_descriptors(const char *path) {
    FILE *out = fopen(path, "we");
    DIR *directory = opendir("/proc/self/fd");
    struct dirent *entry;

    if (out == NULL || directory == NULL) return 2;
    while ((entry = readdir(directory)) != NULL) {
        int fd = atoi(entry->d_name);
        char content[8] = {0};
        if (entry->d_name[0] == '.' || fd == fileno(out) || fd == dirfd(directory)) continue;
        ssize_t length = pread(fd, content, sizeof content - 1, 0);
        fprintf(out, "%d=%s%s\n", fd, length < 0 ? "?" : content,
                fcntl(fd, F_GETFD) & FD_CLOEXEC ? " cloexec" : "");
    }
    closedir(directory);
    return fclose(out);
}

/* Arguments below SOURCES name a source; others are taken as descriptor numbers, open or not. */
static int fds(const char *path, char **numbers, int count) {
    int wanted[32] = {0};
    struct failure f;

    open_sources();
    for (int i = 0; i < count; i++) {
        int number = atoi(numbers[i]);
        wanted[i] = number < SOURCES ? FIRST_SOURCE + number : number;
    }
    /* Sources in the places themselves: 0 to 3 are sources 0 to 3 as well. */
    for (int i = 0; i < 4; i++)
        dup2(FIRST_SOURCE + i, i);
    for (int i = 0; i < count; i++)
        if (wanted[i] < FIRST_SOURCE + 4) wanted[i] -= FIRST_SOURCE;
    if (fds_keep_only(wanted, count, &f) < 0) {
        FILE *out = fopen(path, "we");
        fprintf(out, "failed: %s: %s: %d\n", f.step, f.detail, f.err);
        return fclose(out);
    }
    return list_descriptors(path);
}

static int landlock(pid_t other) {
    struct failure f;

    printf("abi %ld\n", syscall(SYS_landlock_create_ruleset, NULL, 0, 1));
    printf("before %d\n", kill(other, 0) < 0 ? errno : 0);
    if (caps_no_new_privs(&f) < 0 || landlock_scope(&f) < 0) return report(&f);
    printf("after %d\n", kill(other, 0) < 0 ? errno : 0);
    printf("itself %d\n", kill(getpid(), 0) < 0 ? errno : 0);
    return 0;
}

int main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "caps") == 0) return caps(true);
    if (argc == 2 && strcmp(argv[1], "caps-late") == 0) return caps(false);
    if (argc == 3 && strcmp(argv[1], "limits") == 0) return limits(strtoull(argv[2], NULL, 10));
    if (argc >= 3 && strcmp(argv[1], "fds") == 0) return fds(argv[2], argv + 3, argc - 3);
    if (argc == 3 && strcmp(argv[1], "landlock") == 0) return landlock(atoi(argv[2]));
    return 2;
}
