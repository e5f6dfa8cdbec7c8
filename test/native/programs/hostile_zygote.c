/* A zygote as an attacker: it takes the requests for clones and does with them what argv[1] says. Before its
 * clone's root and limits are in its place, and when the clone is gone, it is still in that sandbox, and root
 * there. What it finds it says on stdout. */
#include "../../../native/zygote.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct order {
    struct fork_request request;
    int fds[FORK_MOST_FDS];
};

static void receive(struct order *order) {
    union {
        struct cmsghdr header; /* for its alignment */
        char bytes[CMSG_SPACE(FORK_MOST_FDS * sizeof(int))];
    } control;
    struct iovec data = {.iov_base = &order->request, .iov_len = sizeof order->request};
    struct msghdr message = {.msg_iov = &data,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    if (recvmsg(ZYGOTE_CHANNEL_FD, &message, 0) <= 0) exit(0);
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    memcpy(order->fds, CMSG_DATA(header), header->cmsg_len - CMSG_LEN(0));
}

static void tell(const struct order *order, enum fork_news news) {
    struct fork_report report = {.news = news};
    send(order->fds[FORK_STATUS], &report, sizeof report, MSG_NOSIGNAL);
}

static void await_root(const struct order *order) {
    char go;
    recv(order->fds[FORK_STATUS], &go, sizeof go, 0);
}

static void check(int result, const char *what) {
    if (result < 0) printf("cannot %s: %s\n", what, strerror(errno));
}

/* The user namespace comes first among them. */
static void enter(const struct order *order) {
    check(setns(order->fds[0], CLONE_NEWUSER), "enter the user namespace");
    check(setns(order->fds[NAMESPACE_MNT], CLONE_NEWNS), "enter the mount namespace");
}

static void join(const struct order *order) {
    for (unsigned i = 0; i < order->request.doors; i++)
        check((int)write(order->fds[FORK_DOORS + i], "0", 1), "join");
}

static void list(const char *path) {
    DIR *directory = opendir(path);
    printf("%s:", path);
    for (struct dirent *entry; directory != NULL && (entry = readdir(directory)) != NULL;)
        if (entry->d_name[0] != '.') printf(" %s", entry->d_name);
    puts("");
}

/* In the sandbox before its clone is. */
static void look(const struct order *order) {
    await_root(order);
    enter(order);
    list("/proc");
}

/* Passes for a clone whose root has another thing in the place of its /proc, until it is killed. */
static _Noreturn void trick(const struct order *order) {
    enter(order);
    tell(order, FORK_BORN);
    await_root(order);
    check(setns(order->fds[NAMESPACE_MNT], CLONE_NEWNS), "see the root");
    check((int)syscall(SYS_umount2, "/proc", 2), "unmount /proc");
    check(rmdir("/proc"), "remove /proc");
    check(symlink("/app", "/proc"), "link /proc");
    tell(order, FORK_COMPLETE);
    close(order->fds[FORK_STATUS]);
    puts("ready");
    for (;;)
        pause();
}

/* Passes for a clone, and has a child in the clone's groups that the clone's end does not end. */
static _Noreturn void stay(const struct order *order) {
    join(order);
    enter(order);
    if (fork() == 0) {
        close(order->fds[FORK_STATUS]);
        for (;;)
            pause();
    }
    tell(order, FORK_BORN);
    await_root(order);
    tell(order, FORK_COMPLETE);
    close(order->fds[FORK_STATUS]);
    puts("ready");
    for (;;)
        pause();
}

/* Fills the clone's disk, which counts as the clone's memory; the zygote keeps its mounts. */
static void fill(const struct order *order) {
    static char block[1 << 20];
    join(order);
    await_root(order);
    enter(order);
    memset(block, 1, sizeof block);
    int fd = open("/tmp/filled", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    int count = 0;
    while (write(fd, block, sizeof block) == (ssize_t)sizeof block)
        count++;
    printf("filled %d MB\n", count);
}

static void act(const char *what, const struct order *order) {
    if (strcmp(what, "look") == 0) look(order);
    if (strcmp(what, "trick") == 0) trick(order);
    if (strcmp(what, "stay") == 0) stay(order);
    if (strcmp(what, "fill") == 0) fill(order);
    exit(0);
}

int main(int argc, char **argv) {
    const char *what = argc > 1 ? argv[1] : "";
    setvbuf(stdout, NULL, _IONBF, 0);
    for (int number = 0;; number++) {
        struct order order;
        receive(&order);
        /* "hold": the first request is never answered, and neither its child nor it lets go of the status. */
        bool holds = strcmp(what, "hold") == 0 && number == 0;
        pid_t pid = fork();
        if (pid == 0 && holds)
            for (;;)
                pause();
        if (pid == 0) act(what, &order);
        if (holds) continue;
        if (strcmp(what, "fill") == 0) waitpid(pid, NULL, 0);
        for (unsigned i = 0; i < FORK_DOORS + order.request.doors; i++)
            if (strcmp(what, "fill") != 0 || i != NAMESPACE_MNT) close(order.fds[i]);
    }
}
