/* The recipe of containment: how a sandbox is made and how its process starts, step by step. Everything else
 * in native/ knows one of those steps. Failures say which; the caller undoes what was made (sandboxes.c). */
#ifndef TSFN_CONTAIN_H
#define TSFN_CONTAIN_H

#include "cgroup.h"
#include "ends.h"
#include "foreman.h"
#include "mount.h"
#include "namespaces.h"
#include "proto.h"
#include "user.h"

/* What every sandbox is made from; made once. */
struct containment {
    struct cgroups cgroups;
    struct mounts mounts;
    struct uid_block uids;
    struct foreman foreman;
};

struct sandbox_spec {
    char id[PROTO_MAX_ID + 1];
    uint8_t kind; /* PROTO_KIND_* */
    char hostname[PROTO_MAX_ID + 1];
    char layers[PROTO_MAX_LAYERS][PROTO_DIGEST_LENGTH + 1]; /* topmost first */
    int layer_count;
    struct cgroup_limits limits;
    uint64_t disk_bytes;
    uint64_t disk_inodes;
    uint64_t open_files;
};

/* Where a sandbox's uids are in the host's terms: 0 inside is `base`; `function` is its programs'. */
struct sandbox_uids {
    uint32_t base;
    uid_t function;
};
struct sandbox_uids contain_uids(const struct containment *c, uint8_t kind, unsigned slot);

enum cgroup_kind contain_groups(const struct sandbox_spec *spec);

/* Begins to make a sandbox with no process in it: its control groups, its root, and the maker, a child of the
 * warden that does the rest. Does not wait: what happens next is told over *talk, which is non-blocking, in
 * packets (struct report), and by SIGCHLD. The end of *talk tells that there is no maker, or none any more.
 * *layer is set to its writable layer (struct root) if it has one. On failure no maker and no mount is left,
 * but the control groups may be. */
int contain_make(struct containment *c, const struct sandbox_spec *spec, const struct sandbox_uids *uids,
                 unsigned slot, int *talk, int *layer, struct failure *f);
/* In the maker. */
_Noreturn void contain_be_maker(const struct containment *c, const struct maker_plan *plan,
                                const struct root *root, int warden);
/* When the maker has told of its namespaces: gives them their uids, holds them, and lets it go on. It ends
 * when it has told that it is done. */
int contain_hold(pid_t maker, int talk, const struct sandbox_uids *uids, struct namespaces *ns,
                 struct failure *f);

struct program {
    char *argv[PROTO_MAX_ARGS + 1]; /* ends with NULL, as does env */
    char *env[PROTO_MAX_ENV + 1];
    const char *cwd;
};

/* Pids in the host's terms, in memory that the warden shares with its stages, because they appear before the
 * process runs; 0: there is none. */
struct born {
    pid_t program;
    pid_t pause; /* pid 1 of a zygote's sandbox */
    pid_t maker;
};

struct instance_plan {
    const char *id;
    uint8_t kind;
    const struct namespaces *ns;
    const struct program *program;
    struct sandbox_uids uids;
    uint64_t open_files;
    struct born *born;
};

/* The warden's ends of a zygote, close-on-exec; -1 for an instance. */
struct zygote_ends {
    int channel; /* takes requests for forks */
    int pause;   /* tells of ended clones: struct pause_report */
};

/* Starts a process in a sandbox. Does not wait: what happens next is told over `status` (struct report) and
 * by SIGCHLD. */
int contain_start(const struct containment *c, const struct instance_plan *plan, pid_t *stage,
                  struct instance_ends *ends, struct zygote_ends *zygote, struct failure *f);

struct fork_plan {
    const struct sandbox_spec *spec; /* of the sandbox, as claimed */
    const struct namespaces *ns;
    int channel; /* of the zygote */
    struct sandbox_uids uids;
    int *layer; /* set to the writable layer that it is given (struct root) */
};

/* What the warden did, in nanoseconds of CLOCK_MONOTONIC. */
struct fork_times {
    uint64_t begun, asked, rooted;
};

/* Asks a zygote for a clone in a sandbox, and gives that its root meanwhile. Does not wait for the zygote:
 * the answer is told over `status` (zygote.h). The guest's ends are the zygote's from then on. If this fails
 * after the zygote was asked, *status is open: its end tells when there is no clone any more. */
int contain_fork(const struct containment *c, const struct fork_plan *plan, struct guest_ends *guest,
                 int *status, struct fork_times *times, struct failure *f);

/* Makes the root for the next contain_reset. */
int contain_make_root(const struct containment *c, const struct sandbox_spec *spec,
                      const struct sandbox_uids *uids, struct root *root, struct failure *f);
/* Gives a sandbox a new writable layer under its running processes: *layer, instead of the one before. The
 * root is *made, which is empty then; one is made if it was. What *old is set to must be closed, also on
 * failure; unless somebody else still uses the old root, that frees it, which takes as long as there are
 * files in it. */
int contain_reset(const struct containment *c, const struct sandbox_spec *spec, const struct namespaces *ns,
                  const struct sandbox_uids *uids, struct root *made, int *layer, int *old,
                  struct failure *f);

#endif
