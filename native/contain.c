/* The recipe. The warden makes a sandbox with the help of a maker, a child that brings the namespaces into
 * being and ends; it starts an instance with the help of a stage, a child that enters them and forks pid 1.
 */
#include "contain.h"
#include "child.h"
#include "fds.h"
#include "instance.h"
#include "net.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <unistd.h>

/* Everything that happens inside a sandbox before it has a process. Runs in the maker, which starts out as
 * the host's root and is nobody on the host once its user namespace exists. */
static int maker_steps(const struct containment *c, const struct sandbox_spec *spec, const struct root *root,
                       int warden, struct failure *f) {
    if (cgroup_join(&c->cgroups, spec->id, f) < 0) return -1;
    if (namespaces_unshare(f) < 0) return -1;
    report_send(warden, &(struct report){.kind = REPORT_NAMESPACES});
    if (report_await(warden, REPORT_DONE, f) < 0) /* the warden maps the uids meanwhile */
        return -1;
    if (sethostname(spec->hostname, strlen(spec->hostname)) < 0)
        return fail(f, "set hostname", "%s", spec->hostname);
    if (net_loopback_up(f) < 0) return -1;
    return root_attach(root, f);
}

static _Noreturn void be_maker(const struct containment *c, const struct sandbox_spec *spec,
                               const struct root *root, int warden) {
    struct failure f;
    if (maker_steps(c, spec, root, warden, &f) < 0)
        report_failure(warden, &f);
    else
        report_send(warden, &(struct report){.kind = REPORT_DONE});
    _exit(0);
}

static int follow_maker(pid_t maker, int talk, uint32_t uid_base, struct namespaces *ns, struct failure *f) {
    if (report_await(talk, REPORT_NAMESPACES, f) < 0) return -1;
    if (user_map(maker, uid_base, f) < 0 || namespaces_open(ns, maker, f) < 0) return -1;
    report_send(talk, &(struct report){.kind = REPORT_DONE});
    return report_await(talk, REPORT_DONE, f);
}

static int make_namespaces(const struct containment *c, const struct sandbox_spec *spec, uint32_t uid_base,
                           const struct root *root, struct namespaces *ns, struct failure *f) {
    int talk[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, talk) < 0)
        return fail(f, "start maker", "socketpair");
    cleanup_fd int ours = talk[0], theirs = talk[1];
    cleanup_fd int cgroup = cgroup_open_v2(&c->cgroups, spec->id);
    pid_t maker = child_fork(cgroup);
    if (maker < 0) return fail(f, "start maker", "clone3");
    if (maker == 0) {
        fd_close(&ours);
        be_maker(c, spec, root, theirs);
    }
    fd_close(&theirs);
    int result = follow_maker(maker, ours, uid_base, ns, f);
    fd_close(&ours); /* a maker that still waits gives up */
    waitpid(maker, NULL, 0);
    return result;
}

int contain_create(const struct containment *c, const struct sandbox_spec *spec, uint32_t uid_base,
                   struct namespaces *ns, struct failure *f) {
    cleanup_root struct root root = ROOT_NONE;
    struct root_plan plan = {.layers = spec->layers,
                             .layer_count = spec->layer_count,
                             .uid_base = uid_base,
                             .disk_bytes = spec->disk_bytes,
                             .disk_inodes = spec->disk_inodes};
    if (cgroup_create(&c->cgroups, spec->id, &spec->limits, f) < 0) return -1;
    if (root_build(&c->mounts, &plan, &root, f) < 0) return -1;
    if (make_namespaces(c, spec, uid_base, &root, ns, f) < 0) {
        namespaces_close(ns);
        return -1;
    }
    return 0;
}

/* The other ends, for the instance. */
struct guest_ends {
    int status, wire, out, err;
};

static void close_guest_ends(struct guest_ends *g) {
    fd_close(&g->status);
    fd_close(&g->wire);
    fd_close(&g->out);
    fd_close(&g->err);
}

static int open_pipe(int *reader, int *writer, uid_t owner, struct failure *f) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0) return fail(f, "make pipes", "pipe2");
    *reader = ends[0];
    *writer = ends[1];
    /* Whoever opens /dev/stdout opens the pipe anew, and then its owner counts. */
    if (fchown(*writer, owner, owner) < 0) return fail(f, "make pipes", "fchown");
    return 0;
}

static int open_ends(struct instance_ends *ends, struct guest_ends *guest, uid_t owner, struct failure *f) {
    int wire[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, wire) < 0)
        return fail(f, "make the wire", "socketpair");
    ends->wire = wire[0];
    guest->wire = wire[1];
    if (open_pipe(&ends->out, &guest->out, owner, f) < 0 || open_pipe(&ends->err, &guest->err, owner, f) < 0)
        return -1;
    if (open_pipe(&ends->status, &guest->status, 0, f) < 0) return -1;
    return fcntl(ends->status, F_SETFL, O_NONBLOCK) < 0 ? fail(f, "make pipes", "status") : 0;
}

/* Runs as the host's root until it is in the sandbox. Two forks, because a process cannot change its own pid
 * namespace, only its children's. */
static int stage_steps(const struct containment *c, const struct instance_plan *plan, struct failure *f) {
    if (instance_prefer_for_oom(f) < 0) return -1;
    if (cgroup_join(&c->cgroups, plan->id, f) < 0) return -1;
    if (namespaces_enter(plan->ns, f) < 0) return -1;
    pid_t pid = child_fork_sibling(plan->born);
    if (pid < 0) return fail(f, "start pid 1", "clone3");
    return pid == 0 ? 1 : 0;
}

static _Noreturn void be_stage(const struct containment *c, const struct instance_plan *plan,
                               const struct guest_ends *guest) {
    struct failure f;
    int result = stage_steps(c, plan, &f);
    if (result == 1)
        instance_become(
            plan->program, plan->open_files,
            &(struct instance_fds){
                .status = guest->status, .wire = guest->wire, .out = guest->out, .err = guest->err});
    if (result < 0) report_failure(guest->status, &f);
    _exit(0);
}

static int fork_stage(const struct containment *c, const struct instance_plan *plan,
                      struct instance_ends *ends, struct guest_ends *guest, struct failure *f) {
    if (open_ends(ends, guest, plan->uid_base + PROTO_FUNCTION_UID, f) < 0) return -1;
    cleanup_fd int cgroup = cgroup_open_v2(&c->cgroups, plan->id);
    ends->stage = child_fork(cgroup);
    if (ends->stage < 0) return fail(f, "start stage", "clone3");
    if (ends->stage == 0) be_stage(c, plan, guest);
    return 0;
}

int contain_start(const struct containment *c, const struct instance_plan *plan, struct instance_ends *ends,
                  struct failure *f) {
    struct guest_ends guest = {-1, -1, -1, -1};
    *ends = (struct instance_ends){.stage = -1, .status = -1, .wire = -1, .out = -1, .err = -1};
    int result = fork_stage(c, plan, ends, &guest, f);
    close_guest_ends(&guest);
    if (result < 0) {
        fd_close(&ends->status);
        fd_close(&ends->wire);
        fd_close(&ends->out);
        fd_close(&ends->err);
    }
    return result;
}
