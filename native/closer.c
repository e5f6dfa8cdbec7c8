/* The warden's side of the closer, and the closer, which holds nothing but its socket and the descriptor that
 * it is closing. What still lies in the socket when it dies, the kernel closes. */
#include "closer.h"
#include "child.h"
#include "fds.h"
#include "remains.h"
#include "resident.h"
#include "warden.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* A pipe takes as many bytes, so that the warden never waits for the closer. */
#define MOST_HELD 4096
#define NICE 5

union one_descriptor {
    struct cmsghdr header; /* for its alignment */
    char bytes[CMSG_SPACE(sizeof(int))];
};

/* --- the closer --------------------------------------------------------------------------------------------
 */

static void close_next(int warden) {
    uint32_t number;
    int fd;
    if (fds_receive(warden, &number, sizeof number, &fd, 1) < 0) _exit(1);
    /* The kernel frees before close() returns (task_work, cleanup_mnt), so that the number tells the truth.
     */
    if (close(fd) < 0 || write(warden, &number, sizeof number) < 0) _exit(1);
}

static _Noreturn void be_closer(int warden, int go, uid_t uid) {
    struct failure f;
    char bytes[64];
    ssize_t count;
    /* It gives way to whoever a caller waits for; not for ever, because memory waits for it. */
    if (setpriority(PRIO_PROCESS, 0, NICE) < 0) _exit(1);
    if (resident_become((const int[]){warden, go}, 2, uid, "tsfn-closer", &f) < 0) _exit(1);
    while ((count = read(1, bytes, sizeof bytes)) > 0)
        while (count-- > 0)
            close_next(0);
    _exit(0);
}

/* --- the warden --------------------------------------------------------------------------------------------
 */

static void let_go(struct warden *w) {
    loop_unwatch(w->loop, &w->closer.link);
    fd_close(&w->closer.go);
}

static void link_ready(struct warden *w, struct watch *watch, uint32_t events) {
    (void)events;
    uint32_t number;
    ssize_t count = recv(watch->fd, &number, sizeof number, MSG_DONTWAIT);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
    /* It is dying: what it holds is closed once it is reaped. */
    if (count != (ssize_t)sizeof number) return let_go(w);
    w->closer.held--;
    remains_closed(w, number);
}

static int start(struct warden *w, struct failure *f) {
    struct containment *c = &w->containment;
    int link[2], go[2];
    int size = MOST_HELD * 1024;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, link) < 0)
        return fail(f, "start closer", "socketpair");
    cleanup_fd int ours = link[0], theirs = link[1];
    if (pipe2(go, O_CLOEXEC) < 0) return fail(f, "start closer", "pipe2");
    cleanup_fd int reader = go[0], writer = go[1];
    if (setsockopt(ours, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size) < 0)
        return fail(f, "start closer", "room for %d bytes", size);
    cleanup_fd int cgroup = cgroup_open_v2(&c->cgroups, CLOSER_CGROUP);
    pid_t pid = child_fork(cgroup);
    if (pid < 0) return fail(f, "start closer", "clone3");
    if (pid == 0) be_closer(theirs, reader, uid_closer(&c->uids));
    w->closer = (struct closer){.link = {.fd = ours, .ready = link_ready}, .go = writer, .pid = pid};
    ours = writer = -1;
    if (loop_watch(w->loop, &w->closer.link, EPOLLIN, f) == 0) return 0;
    let_go(w); /* with which it ends */
    return -1;
}

int closer_open(struct warden *w, struct failure *f) {
    if (cgroup_create(&w->containment.cgroups, CLOSER_CGROUP, CGROUP_OF_DAEMON, NULL, f) < 0) return -1;
    return start(w, f);
}

void closer_close(struct warden *w) {
    let_go(w);
    if (w->closer.pid == 0) return;
    kill(w->closer.pid, SIGKILL);
    waitpid(w->closer.pid, NULL, 0);
    w->closer.pid = 0;
}

static int hand_over(int link, int fd, uint32_t number) {
    union one_descriptor control = {0};
    struct iovec data = {.iov_base = &number, .iov_len = sizeof number};
    struct msghdr message = {.msg_iov = &data,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    *CMSG_FIRSTHDR(&message) = (struct cmsghdr){
        .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))};
    memcpy(CMSG_DATA(CMSG_FIRSTHDR(&message)), &fd, sizeof fd);
    return sendmsg(link, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -1 : 0;
}

bool closer_take(struct warden *w, int *fd, uint32_t number) {
    struct failure f;
    if (w->closer.pid == 0) start(w, &f);
    bool taken = w->closer.link.fd >= 0 && w->closer.held < MOST_HELD &&
                 hand_over(w->closer.link.fd, *fd, number) == 0;
    /* Without a closer, or with one that has too much to do, this takes its time. Otherwise the closer waits
     * for it, or the warden might be the last. */
    fd_close(fd);
    if (!taken) return false;
    w->closer.held++;
    if (write(w->closer.go, "", 1) < 0) let_go(w); /* it ends, and so closes all */
    return true;
}

bool closer_ended(struct warden *w, pid_t pid) {
    if (w->closer.pid == 0 || pid != w->closer.pid) return false;
    w->closer.pid = 0;
    let_go(w);
    return true;
}
