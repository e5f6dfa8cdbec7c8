/* The warden's side of the foreman, and the foreman, which is root as the warden is and forks the warden's
 * children. It stands in a mount namespace that has one mount, the placeholder of a root that is not known
 * yet: a sandbox without layers begins with a copy of it. What lies in its socket when it dies, the kernel
 * closes, and so whoever waits for a maker learns that there will be none. */
#include "foreman.h"
#include "child.h"
#include "contain.h"
#include "fds.h"
#include "slice.h"

#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* Of a plan, in this order; the root's are there or not. */
enum plan_fd { PLAN_TALK, PLAN_CGROUP, PLAN_OVERLAY, PLAN_DEV, PLAN_SHM, PLAN_PROC, PLAN_FDS };

struct packet {
    struct maker_plan plan;
    bool has[PLAN_FDS];
};

union descriptors {
    struct cmsghdr header; /* for its alignment */
    char bytes[CMSG_SPACE(PLAN_FDS * sizeof(int))];
};

/* --- the foreman -------------------------------------------------------------------------------------------
 */

/* False when the warden is gone. Descriptors that did not come are -1. */
static bool receive(int warden, struct packet *packet, int *fds) {
    int came[PLAN_FDS], at = 0;
    int count = fds_receive(warden, packet, sizeof *packet, came, PLAN_FDS);
    for (int i = 0; i < PLAN_FDS && count >= 0; i++)
        fds[i] = packet->has[i] && at < count ? came[at++] : -1;
    return count >= 0;
}

static void fork_maker(const struct containment *c, struct born *born, const struct maker_plan *plan,
                       const int *fds, int link) {
    struct failure f;
    const struct root root = {.overlay = fds[PLAN_OVERLAY],
                              .dev = fds[PLAN_DEV],
                              .shm = fds[PLAN_SHM],
                              .proc = fds[PLAN_PROC],
                              .layer = -1};
    pid_t pid = child_fork_sibling(&born[plan->slot].maker, fds[PLAN_CGROUP]);
    if (pid == 0) {
        close(link);
        contain_be_maker(c, plan, &root, fds[PLAN_TALK]);
    }
    if (pid > 0) return;
    fail(&f, "start maker", "clone3");
    report_failure(fds[PLAN_TALK], &f);
}

/* The numbers of its descriptors change, and so does what its copy of the containment says. */
static int keep_descriptors(struct containment *c, int *link, struct failure *f) {
    int fds[CGROUP_MOST_TREES + 2] = {*link, c->mounts.proc}, count = 2;
    for (int i = 0; i < c->cgroups.count; i++)
        fds[count++] = c->cgroups.trees[i].parent;
    if (fds_keep_only(fds, count, f) < 0) return -1;
    *link = 0;
    c->mounts.proc = 1;
    for (int i = 0; i < c->cgroups.count; i++)
        c->cgroups.trees[i].parent = i + 2;
    return 0;
}

static int settle_down(struct containment *c, int *link, struct failure *f) {
    cleanup_root struct root root = ROOT_NONE;
    if (prctl(PR_SET_NAME, "tsfn-foreman") < 0) return fail(f, "name the foreman", "prctl");
    if (root_placeholder(&c->mounts, &root, f) < 0) return -1;
    if (unshare(CLONE_NEWNS) < 0) return fail(f, "leave the warden's mounts", "unshare");
    if (root_attach(&c->mounts, &root, f) < 0) return -1;
    root_close(&root);
    return keep_descriptors(c, link, f);
}

static _Noreturn void be_foreman(struct containment *c, struct born *born, int link) {
    struct failure f;
    struct packet packet;
    int fds[PLAN_FDS];
    if (slice_set(SLICE_OF_START_US, &f) < 0 || settle_down(c, &link, &f) < 0) _exit(1);
    while (receive(link, &packet, fds)) {
        fork_maker(c, born, &packet.plan, fds, link);
        for (int i = 0; i < PLAN_FDS; i++)
            fd_close(&fds[i]);
    }
    _exit(0);
}

/* --- the warden --------------------------------------------------------------------------------------------
 */

static int start(struct containment *c, struct failure *f) {
    struct foreman *m = &c->foreman;
    int link[2];
    /* A burst waits in the socket. */
    int size = PROTO_MAX_SANDBOXES * 1024;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, link) < 0)
        return fail(f, "start foreman", "socketpair");
    cleanup_fd int ours = link[0], theirs = link[1];
    if (setsockopt(ours, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size) < 0)
        return fail(f, "start foreman", "room for %d bytes", size);
    cleanup_fd int cgroup = cgroup_open_v2(&c->cgroups, FOREMAN_CGROUP);
    pid_t pid = child_fork(cgroup);
    if (pid < 0) return fail(f, "start foreman", "clone3");
    if (pid == 0) be_foreman(c, m->born, theirs);
    m->pid = pid;
    m->link = ours;
    ours = -1;
    return 0;
}

int foreman_open(struct containment *c, struct born *born, struct failure *f) {
    c->foreman.born = born;
    if (cgroup_create(&c->cgroups, FOREMAN_CGROUP, CGROUP_OF_DAEMON, NULL, f) < 0) return -1;
    return start(c, f);
}

void foreman_close(struct containment *c) {
    fd_close(&c->foreman.link);
    if (c->foreman.pid == 0) return;
    kill(c->foreman.pid, SIGKILL);
    waitpid(c->foreman.pid, NULL, 0);
    c->foreman.pid = 0;
}

static int send_plan(int link, const struct maker_plan *plan, const int *all) {
    int fds[PLAN_FDS], count = 0;
    struct packet packet = {.plan = *plan};
    union descriptors control = {0};
    for (int i = 0; i < PLAN_FDS; i++) {
        packet.has[i] = all[i] >= 0;
        if (packet.has[i]) fds[count++] = all[i];
    }
    size_t bytes = (size_t)count * sizeof(int);
    struct iovec data = {.iov_base = &packet, .iov_len = sizeof packet};
    struct msghdr message = {
        .msg_iov = &data, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = CMSG_SPACE(bytes)};
    *CMSG_FIRSTHDR(&message) =
        (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(bytes)};
    memcpy(CMSG_DATA(CMSG_FIRSTHDR(&message)), fds, bytes);
    return sendmsg(link, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -1 : 0;
}

int foreman_ask(struct containment *c, const struct maker_plan *plan, const struct root *root, int talk,
                int cgroup, struct failure *f) {
    const int fds[PLAN_FDS] = {talk, cgroup, root->overlay, root->dev, root->shm, root->proc};
    if (c->foreman.pid == 0 && start(c, f) < 0) return -1;
    if (send_plan(c->foreman.link, plan, fds) == 0) return 0;
    if (errno != EPIPE && errno != ECONNRESET) return fail(f, "ask the foreman", "send");
    /* It has just ended, and the news of it is still to come. */
    foreman_close(c);
    if (start(c, f) < 0) return -1;
    return send_plan(c->foreman.link, plan, fds) < 0 ? fail(f, "ask the foreman", "send") : 0;
}

bool foreman_ended(struct containment *c, pid_t pid) {
    if (c->foreman.pid == 0 || pid != c->foreman.pid) return false;
    c->foreman.pid = 0;
    fd_close(&c->foreman.link);
    return true;
}
