/* The recipe of containment: how a sandbox is made and how its process starts, step by step. Everything else
 * in native/ knows one of those steps. Failures say which; the caller undoes what was made (sandboxes.c). */
#ifndef TSFN_CONTAIN_H
#define TSFN_CONTAIN_H

#include "cgroup.h"
#include "mount.h"
#include "namespaces.h"
#include "proto.h"
#include "user.h"

/* What every sandbox is made from; made once. */
struct containment {
    struct cgroups cgroups;
    struct mounts mounts;
    struct uid_block uids;
};

struct sandbox_spec {
    char id[PROTO_MAX_ID + 1];
    char hostname[PROTO_MAX_ID + 1];
    char layers[PROTO_MAX_LAYERS][PROTO_DIGEST_LENGTH + 1]; /* topmost first */
    int layer_count;
    struct cgroup_limits limits;
    uint64_t disk_bytes;
    uint64_t disk_inodes;
    uint64_t open_files;
};

/* Makes a sandbox with no process in it. Blocks for its one or two milliseconds. On failure no namespace and
 * no mount is left, but the control groups may be. */
int contain_create(const struct containment *c, const struct sandbox_spec *spec, uint32_t uid_base,
                   struct namespaces *ns, struct failure *f);

struct program {
    char *argv[PROTO_MAX_ARGS + 1]; /* ends with NULL, as does env */
    char *env[PROTO_MAX_ENV + 1];
    const char *cwd;
};

struct instance_plan {
    const char *id;
    const struct namespaces *ns;
    const struct program *program;
    uint32_t uid_base;
    uint64_t open_files;
    pid_t *born; /* shared memory, 0: pid 1's pid in the host's terms appears here */
};

/* The warden's ends. All close-on-exec. */
struct instance_ends {
    pid_t stage;
    int status; /* struct report; the end of the stream is the moment of exec, or of death */
    int wire, out, err;
};

/* Starts a process in a sandbox. Does not wait: what happens next is told over `status` and by SIGCHLD. */
int contain_start(const struct containment *c, const struct instance_plan *plan, struct instance_ends *ends,
                  struct failure *f);

#endif
