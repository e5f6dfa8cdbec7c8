/* The recipe. The warden makes a sandbox with the help of a maker, a child that brings the namespaces into
 * being and ends (foreman.c forks it, making.c follows it). It starts a program with the help of a stage, a
 * child that enters them and forks the program's process. Or it has a zygote fork itself into the sandbox
 * (zygote.c, clone.c).
 */
#include "contain.h"
#include "child.h"
#include "fds.h"
#include "instance.h"
#include "net.h"
#include "pause.h"
#include "slice.h"
#include "zygote.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct sandbox_uids contain_uids(const struct containment *c, uint8_t kind, unsigned slot) {
    if (kind == PROTO_KIND_ZYGOTE) return (struct sandbox_uids){.base = 0, .function = uid_zygote(&c->uids)};
    uint32_t base = uid_range(&c->uids, slot);
    return (struct sandbox_uids){.base = base, .function = base + PROTO_FUNCTION_UID};
}

static enum user_namespace user_namespace_of(uint8_t kind) {
    return kind == PROTO_KIND_ZYGOTE ? USER_NAMESPACE_HOST : USER_NAMESPACE_OWN;
}

static struct root_plan plan_root(const struct sandbox_spec *spec, const struct sandbox_uids *uids) {
    return (struct root_plan){.layers = spec->layers,
                              .layer_count = spec->layer_count,
                              .root_uid = uids->base,
                              .function_uid = uids->function,
                              .disk_bytes = spec->disk_bytes,
                              .disk_inodes = spec->disk_inodes};
}

/* The writable layer goes to whoever keeps watch over it, and over the one before. */
static void keep_layer(struct root *root, int *layer) {
    *layer = root->layer;
    root->layer = -1;
}

/* --- making a sandbox --------------------------------------------------------------------------------------
 */

/* Everything that happens inside a sandbox before it has a process. Runs in the maker, which starts out as
 * the host's root and is nobody on the host once its user namespace exists. */
static int maker_steps(const struct containment *c, const struct maker_plan *plan, const struct root *root,
                       int warden, struct failure *f) {
    enum user_namespace user = user_namespace_of(plan->kind);
    if (cgroup_join(&c->cgroups, plan->id, f) < 0) return -1;
    if (user == USER_NAMESPACE_OWN && user_become_owner(uid_zygote(&c->uids), f) < 0) return -1;
    if (namespaces_unshare(user, f) < 0) return -1;
    report_send(warden, &(struct report){.kind = REPORT_NAMESPACES});
    if (report_await(warden, REPORT_DONE, f) < 0) /* the warden maps the uids meanwhile */
        return -1;
    if (user == USER_NAMESPACE_OWN && user_limit_shared(c->mounts.proc, f) < 0) return -1;
    if (sethostname(plan->hostname, strlen(plan->hostname)) < 0)
        return fail(f, "set hostname", "%s", plan->hostname);
    if (net_loopback_up(f) < 0) return -1;
    /* Without layers it keeps the placeholder, a copy of the foreman's only mount. */
    return root->overlay < 0 ? root_check_placeholder(&c->mounts, f) : root_attach(&c->mounts, root, f);
}

_Noreturn void contain_be_maker(const struct containment *c, const struct maker_plan *plan,
                                const struct root *root, int warden) {
    struct failure f;
    if (maker_steps(c, plan, root, warden, &f) < 0)
        report_failure(warden, &f);
    else
        report_send(warden, &(struct report){.kind = REPORT_DONE});
    _exit(0);
}

static int start_maker(struct containment *c, const struct sandbox_spec *spec, unsigned slot,
                       const struct root *root, int *talk, struct failure *f) {
    int ends[2];
    struct maker_plan plan = {.kind = spec->kind, .slot = slot};
    memcpy(plan.id, spec->id, sizeof plan.id);
    memcpy(plan.hostname, spec->hostname, sizeof plan.hostname);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return fail(f, "start maker", "socketpair");
    cleanup_fd int ours = ends[0], theirs = ends[1];
    cleanup_fd int cgroup = cgroup_open_v2(&c->cgroups, spec->id);
    if (fcntl(ours, F_SETFL, O_NONBLOCK) < 0) return fail(f, "start maker", "fcntl");
    if (foreman_ask(c, &plan, root, theirs, cgroup, f) < 0) return -1;
    *talk = ours;
    ours = -1;
    return 0;
}

enum cgroup_kind contain_groups(const struct sandbox_spec *spec) {
    return spec->layer_count == 0 ? CGROUP_OF_CLONE : CGROUP_OF_PROGRAM;
}

int contain_make(struct containment *c, const struct sandbox_spec *spec, const struct sandbox_uids *uids,
                 unsigned slot, int *talk, int *layer, struct failure *f) {
    cleanup_root struct root root = ROOT_NONE;
    struct root_plan plan = plan_root(spec, uids);
    enum cgroup_kind groups = contain_groups(spec);
    if (cgroup_create(&c->cgroups, spec->id, groups, &spec->limits, f) < 0) return -1;
    if (groups == CGROUP_OF_CLONE && cgroup_weigh(&c->cgroups, spec->id, groups, WEIGHT_OF_START, f) < 0)
        return -1;
    if (spec->layer_count > 0 && root_build(&c->mounts, &plan, ROOT_PROC_SEED, &root, f) < 0) return -1;
    if (start_maker(c, spec, slot, &root, talk, f) < 0) return -1;
    keep_layer(&root, layer);
    return 0;
}

int contain_hold(pid_t maker, int talk, const struct sandbox_uids *uids, struct namespaces *ns,
                 struct failure *f) {
    if (uids->base != 0 && user_map(maker, uids->base, f) < 0) return -1;
    if (namespaces_open(ns, maker, f) < 0) return -1;
    report_send(talk, &(struct report){.kind = REPORT_DONE});
    return 0;
}

/* --- starting a program ------------------------------------------------------------------------------------
 */

/* What goes to a zygote besides, and what goes to pause. */
struct zygote_others {
    int channel, pause;
};

static int stage_join(const struct containment *c, const struct instance_plan *plan, struct failure *f) {
    if (instance_prefer_for_oom(c->mounts.proc, f) < 0) return -1;
    return cgroup_join(&c->cgroups, plan->id, f);
}

/* Pause stays outside the zygote's limits: memory that the zygote wants must not cost its clones their pid
 * namespace. */
static int stage_pause(const struct containment *c, const struct instance_plan *plan, int talk,
                       struct failure *f) {
    pid_t pause = child_fork_sibling(&plan->born->pause, -1);
    if (pause < 0) return fail(f, "start pause", "clone3");
    if (pause == 0) pause_become(talk, uid_pause(&c->uids));
    return 0;
}

/* Runs as the host's root until it is in the sandbox. Two forks, because a process cannot change its own pid
 * namespace, only its children's. 1 in the program's process. */
static int stage_steps(const struct containment *c, const struct instance_plan *plan,
                       const struct zygote_others *others, struct failure *f) {
    if (plan->kind == PROTO_KIND_ZYGOTE) {
        /* Its clones have it, too, until they are complete. */
        if (slice_set(SLICE_OF_START_US, f) < 0) return -1;
        if (namespaces_enter(plan->ns, USER_NAMESPACE_HOST, f) < 0) return -1;
        if (stage_pause(c, plan, others->pause, f) < 0 || stage_join(c, plan, f) < 0) return -1;
    } else if (stage_join(c, plan, f) < 0 || namespaces_enter(plan->ns, USER_NAMESPACE_OWN, f) < 0) {
        return -1;
    }
    pid_t pid = child_fork_sibling(&plan->born->program, -1);
    if (pid < 0) return fail(f, "start pid 1", "clone3");
    return pid == 0 ? 1 : 0;
}

static _Noreturn void be_stage(const struct containment *c, const struct instance_plan *plan,
                               const struct guest_ends *guest, const struct zygote_others *others) {
    struct failure f;
    int result = stage_steps(c, plan, others, &f);
    /* A user namespace of its own counts uids from 0. */
    uid_t uid = plan->kind == PROTO_KIND_ZYGOTE ? plan->uids.function : PROTO_FUNCTION_UID;
    if (result == 1)
        instance_become(plan->program, uid, plan->open_files,
                        &(struct instance_fds){.status = guest->status,
                                               .wire = guest->wire,
                                               .out = guest->out,
                                               .err = guest->err,
                                               .tickets = guest->tickets,
                                               .channel = others->channel});
    if (result < 0) report_failure(guest->status, &f);
    _exit(0);
}

static int open_zygote_ends(struct zygote_ends *ours, struct zygote_others *theirs, struct failure *f) {
    int channel[2], pause[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel) < 0)
        return fail(f, "make the fork channel", "socketpair");
    ours->channel = channel[0];
    theirs->channel = channel[1];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pause) < 0)
        return fail(f, "make the fork channel", "pause");
    ours->pause = pause[0];
    theirs->pause = pause[1];
    /* A burst waits in the channel, so that it has room for all that can be asked at once. */
    int size = PROTO_MAX_SANDBOXES * 2048;
    if (setsockopt(channel[0], SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size) < 0)
        return fail(f, "make the fork channel", "room for %d bytes", size);
    if (fcntl(channel[0], F_SETFL, O_NONBLOCK) < 0 || fcntl(pause[0], F_SETFL, O_NONBLOCK) < 0)
        return fail(f, "make the fork channel", "fcntl");
    return 0;
}

static int fork_stage(const struct containment *c, const struct instance_plan *plan, pid_t *stage,
                      const struct guest_ends *guest, const struct zygote_others *others, struct failure *f) {
    cleanup_fd int cgroup = cgroup_open_v2(&c->cgroups, plan->id);
    *stage = child_fork(cgroup);
    if (*stage < 0) return fail(f, "start stage", "clone3");
    if (*stage == 0) be_stage(c, plan, guest, others);
    return 0;
}

int contain_start(const struct containment *c, const struct instance_plan *plan, pid_t *stage,
                  struct instance_ends *ends, struct zygote_ends *zygote, struct failure *f) {
    struct guest_ends guest = NO_ENDS;
    struct zygote_others others = {-1, -1};
    *ends = (struct instance_ends)NO_ENDS;
    *zygote = (struct zygote_ends){-1, -1};
    int result = ends_open(ends, &guest, plan->uids.function, f);
    if (result == 0) result = status_open(&ends->status, &guest.status, STATUS_PIPE, f);
    if (result == 0 && plan->kind == PROTO_KIND_ZYGOTE) result = open_zygote_ends(zygote, &others, f);
    if (result == 0) result = fork_stage(c, plan, stage, &guest, &others, f);
    guest_ends_close(&guest);
    fd_close(&others.channel);
    fd_close(&others.pause);
    if (result < 0) {
        ends_close(ends);
        fd_close(&zygote->channel);
        fd_close(&zygote->pause);
    }
    return result;
}

/* --- forking a zygote --------------------------------------------------------------------------------------
 */

static int send_request(int channel, const struct fork_request *request, const int *fds, int count,
                        struct failure *f) {
    union {
        struct cmsghdr header; /* for its alignment */
        char bytes[CMSG_SPACE(FORK_MOST_FDS * sizeof(int))];
    } control = {0};
    size_t bytes = (size_t)count * sizeof(int);
    struct iovec data = {.iov_base = (void *)(uintptr_t)request, .iov_len = sizeof *request};
    struct msghdr message = {
        .msg_iov = &data, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = CMSG_SPACE(bytes)};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    *header =
        (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(bytes)};
    memcpy(CMSG_DATA(header), fds, bytes);
    if (sendmsg(channel, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) return fail(f, "ask the zygote", "send");
    return 0;
}

static int ask_zygote(const struct containment *c, const struct fork_plan *plan,
                      const struct guest_ends *guest, struct failure *f) {
    int fds[FORK_MOST_FDS];
    struct fork_request request = {.kind = PACKET_FORK, .open_files = (uint32_t)plan->spec->open_files};
    memcpy(request.hostname, plan->spec->hostname, sizeof request.hostname);
    memcpy(fds, plan->ns->fds, sizeof plan->ns->fds);
    fds[FORK_WIRE] = guest->wire;
    fds[FORK_OUT] = guest->out;
    fds[FORK_ERR] = guest->err;
    fds[FORK_TICKETS] = guest->tickets;
    fds[FORK_STATUS] = guest->status;
    int doors = cgroup_open_doors(&c->cgroups, plan->spec->id, fds + FORK_DOORS, f);
    if (doors < 0) return -1;
    request.doors = (uint32_t)doors;
    int result = send_request(plan->channel, &request, fds, FORK_DOORS + doors, f);
    while (doors-- > 0)
        fd_close(&fds[FORK_DOORS + doors]);
    return result;
}

static int give_root(const struct containment *c, const struct fork_plan *plan, struct failure *f) {
    cleanup_root struct root root = ROOT_NONE;
    struct root_plan wanted = plan_root(plan->spec, &plan->uids);
    if (root_build(&c->mounts, &wanted, ROOT_PROC_SEED, &root, f) < 0) return -1;
    if (root_cover(&c->mounts, plan->ns->fds[NAMESPACE_MNT], &root, f) < 0) return -1;
    keep_layer(&root, plan->layer);
    return 0;
}

int contain_fork(const struct containment *c, const struct fork_plan *plan, struct guest_ends *guest,
                 int *status, struct fork_times *times, struct failure *f) {
    int result = status_open(status, &guest->status, STATUS_SOCKET, f);
    if (result == 0) result = ask_zygote(c, plan, guest, f);
    if (result < 0) {
        fd_close(&guest->status);
        fd_close(status);
        return -1;
    }
    guest_ends_close(guest);
    times->asked = fork_now_ns();
    if (give_root(c, plan, f) < 0) return -1;
    times->rooted = fork_now_ns();
    if (send(*status, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) return fail(f, "tell the clone", "send");
    return 0;
}

int contain_make_root(const struct containment *c, const struct sandbox_spec *spec,
                      const struct sandbox_uids *uids, struct root *root, struct failure *f) {
    struct root_plan plan = plan_root(spec, uids);
    if (root_build(&c->mounts, &plan, ROOT_PROC_KEEP, root, f) == 0) return 0;
    int saved = errno;
    root_close(root);
    errno = saved;
    return -1;
}

int contain_reset(const struct containment *c, const struct sandbox_spec *spec, const struct namespaces *ns,
                  const struct sandbox_uids *uids, struct root *made, int *layer, int *old,
                  struct failure *f) {
    cleanup_root struct root root = *made;
    *made = ROOT_NONE;
    if (root.overlay < 0 && contain_make_root(c, spec, uids, &root, f) < 0) return -1;
    if (root_swap(&c->mounts, ns->fds[NAMESPACE_MNT], &root, old, f) < 0) return -1;
    keep_layer(&root, layer);
    return 0;
}
