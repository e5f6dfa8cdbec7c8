/* The program that tests run in a sandbox: does one thing, named by argv[1], and says on stdout what
 * happened. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static int print_file(const char *path) {
    char buffer[65536];
    int fd = open(path, O_RDONLY);
    ssize_t count = fd < 0 ? -1 : read(fd, buffer, sizeof buffer);
    if (count < 0) {
        printf("%s: %s\n", path, strerror(errno));
        return 1;
    }
    fwrite(buffer, 1, (size_t)count, stdout);
    return 0;
}

static int try_write(const char *path) {
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0644);
    printf("%s %s\n", path, fd < 0 ? strerror(errno) : "written");
    return 0;
}

/* Writes until the disk is full. */
static int fill(const char *path, int files) {
    static char block[65536];
    unsigned long total = 0;
    if (files) {
        for (;; total++) {
            char name[64];
            snprintf(name, sizeof name, "%s-%lu", path, total);
            int fd = open(name, O_WRONLY | O_CREAT | O_EXCL, 0600);
            if (fd < 0) break;
            close(fd);
        }
    } else {
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        for (ssize_t count; (count = write(fd, block, sizeof block)) > 0;)
            total += (unsigned long)count;
    }
    printf("%lu %s\n", total, strerror(errno));
    return 0;
}

/* Instances until there are no more, and what the last of them can watch. */
static int watch(const char *path) {
    int instances = 0, last = -1, watches = 0;
    for (int fd; (fd = inotify_init1(0)) >= 0; instances++)
        last = fd;
    printf("%d instances, %s\n", instances, strerror(errno));
    for (;; watches++) {
        char name[64];
        snprintf(name, sizeof name, "%s-%d", path, watches);
        int fd = open(name, O_WRONLY | O_CREAT | O_EXCL, 0600);
        if (fd < 0) break;
        close(fd);
        if (inotify_add_watch(last, name, IN_MODIFY) < 0) break;
    }
    printf("%d watches, %s\n", watches, strerror(errno));
    return 0;
}

/* A child eats memory; the parent would live on if only the child were killed. */
static _Noreturn void hog(void) {
    if (fork() == 0)
        for (;;)
            memset(malloc(1 << 20), 1, 1 << 20);
    for (;;)
        pause();
}

static int forks(void) {
    int count = 0;
    for (; count < 1000; count++) {
        pid_t pid = fork();
        if (pid < 0) break;
        if (pid == 0)
            for (;;)
                pause();
    }
    printf("%d %s\n", count, strerror(errno));
    return 0;
}

static int echo_wire(void) {
    char buffer[4096];
    ssize_t count;
    while ((count = read(3, buffer, sizeof buffer)) > 0)
        if (write(3, buffer, (size_t)count) != count) return 1;
    return 0;
}

static int descriptors(void) {
    for (int fd = 0; fd < 1024; fd++) {
        char path[64], target[256];
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        ssize_t count = readlink(path, target, sizeof target - 1);
        if (count < 0) continue;
        target[count] = '\0';
        printf("%d %s\n", fd, strchr(target, '[') != NULL ? strtok(target, ":") : target);
    }
    return 0;
}

/* Told over the wire, takes every ticket that is left. */
static int tickets(void) {
    char go;
    char ticket;
    int taken = 0;
    if (read(3, &go, sizeof go) != 1) return 1;
    while (read(4, &ticket, sizeof ticket) == 1)
        taken++;
    printf("took %d, then %s\n", taken, strerror(errno));
    return 0;
}

/* Told over the wire, says something there and is gone. */
static int last_words(void) {
    char go;
    return read(3, &go, sizeof go) != 1 || write(3, "farewell", 8) != 8;
}

int main(int argc, char **argv) {
    const char *what = argc > 1 ? argv[1] : "";
    const char *argument = argc > 2 ? argv[2] : "";
    setvbuf(stdout, NULL, _IONBF, 0);
    if (strcmp(what, "exit") == 0) return atoi(argument);
    if (strcmp(what, "kill") == 0) return raise(atoi(argument));
    if (strcmp(what, "print") == 0) return print_file(argument);
    if (strcmp(what, "write") == 0) return try_write(argument);
    if (strcmp(what, "fill") == 0) return fill(argument, 0);
    if (strcmp(what, "fill-inodes") == 0) return fill(argument, 1);
    if (strcmp(what, "watch") == 0) return watch(argument);
    if (strcmp(what, "hog") == 0) hog();
    if (strcmp(what, "forks") == 0) return forks();
    if (strcmp(what, "echo") == 0) return echo_wire();
    if (strcmp(what, "descriptors") == 0) return descriptors();
    if (strcmp(what, "tickets") == 0) return tickets();
    if (strcmp(what, "last-words") == 0) return last_words();
    if (strcmp(what, "environment") == 0) {
        extern char **environ;
        for (char **entry = environ; *entry != NULL; entry++)
            puts(*entry);
        return 0;
    }
    if (strcmp(what, "say") == 0) return fputs("said\n", stdout) < 0 || fputs("complained\n", stderr) < 0;
    if (strcmp(what, "reopen") == 0) {
        int fd = open("/dev/stdout", O_WRONLY);
        return fd < 0 || write(fd, "reopened\n", 9) != 9;
    }
    /* "wait": until it is killed, after it has said that it lives. */
    printf("%d\n", getpid());
    for (;;)
        pause();
}
