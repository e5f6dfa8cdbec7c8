/* The warden's door: every value is checked here, as if tsfnd were hostile, and trusted inside. A request
 * that is malformed ends the connection; one that asks for what cannot be gets a failure. */
#include "requests.h"
#include "egress.h"
#include "probe.h"
#include "remains.h"
#include "warden.h"
#include "working_set.h"

#include <string.h>

#define MOST_FEATURES 64

/* Bounds of what may be asked for. The machine's own limits are below most of them. */
#define LEAST_MEMORY (4ull << 20)
#define MOST_MEMORY (1ull << 44)
#define LEAST_CPU_THOUSANDTHS 10ull /* a quota is at least 1 ms of the period's 100 */
#define MOST_CPU_THOUSANDTHS (1024ull * 1000)
#define LEAST_PIDS 2ull /* the stage counts until it is reaped */
#define MOST_PIDS 32768ull
#define MOST_DISK (1ull << 44)
#define LEAST_INODES 16ull
#define MOST_INODES (1ull << 24)
#define LEAST_OPEN_FILES 16ull
#define MOST_OPEN_FILES 1024ull

static bool in_alphabet(const char *text, const char *alphabet, size_t least, size_t most) {
    size_t length = strlen(text);
    return length >= least && length <= most && strspn(text, alphabet) == length;
}

static bool id_valid(const char *id) {
    return in_alphabet(id, "abcdefghijklmnopqrstuvwxyz0123456789-", 1, PROTO_MAX_ID);
}

static int refuse(struct failure *f, const char *step, const char *what) {
    errno = EINVAL;
    return fail(f, step, "%s", what);
}

static int check(const char *name, uint64_t value, uint64_t least, uint64_t most, struct failure *f) {
    if (value >= least && value <= most) return 0;
    errno = EINVAL;
    return fail(f, "check request", "%s is %llu, wanted %llu to %llu", name, (unsigned long long)value,
                (unsigned long long)least, (unsigned long long)most);
}

static int check_limits(const struct cgroup_limits *limits, struct failure *f) {
    if (check("memory", limits->memory_bytes, LEAST_MEMORY, MOST_MEMORY, f) < 0 ||
        check("cpu", limits->cpu_thousandths, LEAST_CPU_THOUSANDTHS, MOST_CPU_THOUSANDTHS, f) < 0)
        return -1;
    return check("pids", limits->pids, LEAST_PIDS, MOST_PIDS, f);
}

static void read_limits(struct reader *body, struct cgroup_limits *limits) {
    limits->memory_bytes = read_u64(body);
    limits->cpu_thousandths = read_u64(body);
    limits->pids = read_u64(body);
}

static bool read_name(struct reader *body, char *name) {
    const char *text = read_string(body);
    if (strlen(text) > PROTO_MAX_ID) return false;
    strcpy(name, text);
    return true;
}

/* False: malformed. What is well-formed but wrong is check_claim's. From the host name on. */
static bool read_claim(struct reader *body, struct sandbox_spec *spec) {
    if (!read_name(body, spec->hostname)) return false;
    spec->layer_count = read_u16(body);
    if (spec->layer_count > PROTO_MAX_LAYERS) return false;
    for (int i = 0; i < spec->layer_count; i++) {
        const char *digest = read_string(body);
        if (strlen(digest) != PROTO_DIGEST_LENGTH) return false;
        strcpy(spec->layers[i], digest);
    }
    read_limits(body, &spec->limits);
    spec->disk_bytes = read_u64(body);
    spec->disk_inodes = read_u64(body);
    spec->open_files = read_u64(body);
    return read_complete(body);
}

static int check_claim(const struct sandbox_spec *spec, struct failure *f) {
    if (!id_valid(spec->hostname) || spec->hostname[0] == '-')
        return refuse(f, "check request", "hostname: wanted 1 to 64 of a-z, 0-9 and -, not first");
    for (int i = 0; i < spec->layer_count; i++)
        if (!in_alphabet(spec->layers[i], "0123456789abcdef", PROTO_DIGEST_LENGTH, PROTO_DIGEST_LENGTH))
            return refuse(f, "check request", "layer: wanted 64 of 0-9 and a-f");
    if (check_limits(&spec->limits, f) < 0 || check("disk", spec->disk_bytes, 4096, MOST_DISK, f) < 0 ||
        check("inodes", spec->disk_inodes, LEAST_INODES, MOST_INODES, f) < 0)
        return -1;
    return check("open files", spec->open_files, LEAST_OPEN_FILES, MOST_OPEN_FILES, f);
}

static int check_layers(const struct sandbox_spec *spec, struct failure *f) {
    if (spec->layer_count > 0) return 0;
    return refuse(f, "check request", "layers: none, wanted 1 to 16");
}

static int check_spec(const struct sandbox_spec *spec, struct failure *f) {
    if (!id_valid(spec->id)) return refuse(f, "check request", "id: wanted 1 to 64 of a-z, 0-9 and -");
    if (check("kind", spec->kind, PROTO_KIND_INSTANCE, PROTO_KIND_ZYGOTE, f) < 0) return -1;
    if (spec->kind == PROTO_KIND_ZYGOTE && check_layers(spec, f) < 0) return -1;
    return check_claim(spec, f);
}

static int handle_create(struct warden *w, struct owed owed, struct reader *body) {
    struct sandbox_spec spec = {0};
    struct failure f;
    if (!read_name(body, spec.id)) return -1;
    spec.kind = read_u8(body);
    if (!read_claim(body, &spec)) return -1;
    spec.limits.oom_takes_one = spec.kind == PROTO_KIND_ZYGOTE;
    if (check_spec(&spec, &f) == 0) {
        if (sandboxes_find(&w->sandboxes, spec.id) == NULL) {
            sandbox_create(w, &spec, owed);
            return 0;
        }
        errno = EEXIST;
        fail(&f, "check request", "there is a sandbox %s already", spec.id);
    }
    control_fail(w, owed.verb, owed.request, &f);
    return 0;
}

/* The strings stay in the message's buffer, which outlives the fork that uses them. */
static bool read_list(struct reader *body, char **list, int most) {
    int count = read_u16(body);
    if (count > most) return false;
    for (int i = 0; i < count; i++)
        list[i] = (char *)(uintptr_t)read_string(body);
    list[count] = NULL;
    return true;
}

static int check_empty(const struct sandbox *s, struct failure *f) {
    if (s->state == PROTO_STATE_EMPTY) return 0;
    errno = EBUSY;
    return fail(f, "check request", "%s %s", s->spec.id,
                s->state == PROTO_STATE_MAKING ? "is still being made" : "has had its process");
}

static int check_program(const struct sandbox *s, const struct program *program, struct failure *f) {
    if (check_empty(s, f) < 0) return -1;
    if (check_layers(&s->spec, f) < 0) return -1;
    if (program->argv[0] == NULL || program->argv[0][0] != '/')
        return refuse(f, "check request", "argv[0]: wanted an absolute path");
    if (program->cwd[0] != '/') return refuse(f, "check request", "cwd: wanted an absolute path");
    for (char *const *entry = program->env; *entry != NULL; entry++)
        if (strchr(*entry, '=') == NULL || **entry == '=')
            return refuse(f, "check request", "env: wanted NAME=value");
    return 0;
}

static void fail_unknown(struct warden *w, struct owed owed, const char *id) {
    struct failure f;
    errno = ENOENT;
    fail(&f, "check request", "there is no sandbox %.64s", id);
    control_fail(w, owed.verb, owed.request, &f);
}

static int handle_start(struct warden *w, struct owed owed, struct reader *body) {
    struct program program = {0};
    struct failure f;
    const char *id = read_string(body);
    if (!read_list(body, program.argv, PROTO_MAX_ARGS) || !read_list(body, program.env, PROTO_MAX_ENV))
        return -1;
    program.cwd = read_string(body);
    if (!read_complete(body)) return -1;
    struct sandbox *s = sandboxes_find(&w->sandboxes, id);
    if (s == NULL)
        fail_unknown(w, owed, id);
    else if (check_program(s, &program, &f) < 0)
        control_fail(w, owed.verb, owed.request, &f);
    else
        sandbox_start(w, s, &program, owed);
    return 0;
}

static int check_fork(const struct sandbox *s, const struct sandbox *zygote, const struct sandbox_spec *claim,
                      struct failure *f) {
    if (check_claim(claim, f) < 0 || check_layers(claim, f) < 0) return -1;
    if (s->spec.kind != PROTO_KIND_INSTANCE) return refuse(f, "check request", "it is a zygote's sandbox");
    if (zygote->spec.kind != PROTO_KIND_ZYGOTE) return refuse(f, "check request", "that is no zygote");
    if (check_empty(s, f) < 0) return -1;
    if (s->spec.layer_count > 0) return refuse(f, "check request", "it has layers of its own");
    errno = ECHILD;
    if (zygote->state != PROTO_STATE_RUNNING || !zygote->started)
        return fail(f, "check request", "zygote %s does not run", zygote->spec.id);
    return 0;
}

static int handle_fork(struct warden *w, struct owed owed, struct reader *body) {
    struct sandbox_spec claim = {.kind = PROTO_KIND_INSTANCE};
    struct failure f;
    if (!read_name(body, claim.id)) return -1;
    const char *zygote_id = read_string(body);
    if (!read_claim(body, &claim)) return -1;
    struct sandbox *s = sandboxes_find(&w->sandboxes, claim.id);
    struct sandbox *zygote = sandboxes_find(&w->sandboxes, zygote_id);
    if (s == NULL || zygote == NULL)
        fail_unknown(w, owed, s == NULL ? claim.id : zygote_id);
    else if (check_fork(s, zygote, &claim, &f) < 0)
        control_fail(w, owed.verb, owed.request, &f);
    else
        sandbox_fork(w, s, zygote, &claim, owed);
    return 0;
}

static int check_zygote(const struct sandbox *zygote, const struct sandbox_spec *claim, struct failure *f) {
    if (check_claim(claim, f) < 0 || check_layers(claim, f) < 0) return -1;
    if (zygote->spec.kind != PROTO_KIND_ZYGOTE) return refuse(f, "check request", "that is no zygote");
    errno = ECHILD;
    if (zygote->state == PROTO_STATE_RUNNING && zygote->started) return 0;
    return fail(f, "check request", "zygote %s does not run", zygote->spec.id);
}

static int handle_claim(struct warden *w, struct owed owed, struct reader *body) {
    struct sandbox_spec claim = {.kind = PROTO_KIND_ZYGOTE};
    struct failure f;
    if (!read_name(body, claim.id) || !read_claim(body, &claim)) return -1;
    claim.limits.oom_takes_one = true;
    struct sandbox *zygote = sandboxes_find(&w->sandboxes, claim.id);
    if (zygote == NULL)
        fail_unknown(w, owed, claim.id);
    else if (check_zygote(zygote, &claim, &f) < 0)
        control_fail(w, owed.verb, owed.request, &f);
    else
        sandbox_claim(w, zygote, &claim, owed);
    return 0;
}

static void reset(struct warden *w, struct owed owed, struct sandbox *s) {
    struct failure f;
    if (s->spec.kind == PROTO_KIND_INSTANCE && s->state == PROTO_STATE_RUNNING && s->started)
        return sandbox_reset(w, s, owed);
    errno = ECHILD;
    fail(&f, "check request", "%s has no instance", s->spec.id);
    control_fail(w, owed.verb, owed.request, &f);
}

static int check_working_set(const struct sandbox *s, struct failure *f) {
    const struct sandbox *zygote = s->clone.zygote;
    bool has_zygote =
        s->clone.phase == CLONE_LIVES && s->clone.pidfd.fd >= 0 && zygote != NULL && zygote->channel >= 0;
    if (has_zygote && s->searcher == 0) return 0;
    errno = has_zygote ? EALREADY : ECHILD;
    return fail(f, "check request", has_zygote ? "%s is being searched" : "%s has no clone with a zygote",
                s->spec.id);
}

static void share_working_set(struct warden *w, struct owed owed, struct sandbox *s) {
    struct failure f;
    pid_t searcher = check_working_set(s, &f);
    if (searcher == 0) searcher = working_set_share(s->pid, s->clone.pidfd.fd, s->clone.zygote->channel, &f);
    if (searcher < 0) return control_fail(w, owed.verb, owed.request, &f);
    s->searcher = searcher;
    s->search = owed;
}

static int handle_limits(struct warden *w, struct owed owed, struct reader *body) {
    struct cgroup_limits limits = {0};
    struct failure f;
    const char *id = read_string(body);
    read_limits(body, &limits);
    if (!read_complete(body)) return -1;
    struct sandbox *s = sandboxes_find(&w->sandboxes, id);
    limits.oom_takes_one = s != NULL && s->spec.limits.oom_takes_one;
    if (s == NULL) {
        fail_unknown(w, owed, id);
    } else if (check_limits(&limits, &f) < 0 ||
               cgroup_limits_set(&w->containment.cgroups, s->spec.id, &limits, &f) < 0) {
        control_fail(w, owed.verb, owed.request, &f);
    } else {
        s->spec.limits = limits;
        control_reply(w, owed.verb, owed.request, &(struct writer){0});
    }
    return 0;
}

static void reply_usage(struct warden *w, struct owed owed, const struct sandbox *s) {
    struct cgroup_usage usage;
    cleanup_writer struct writer reply = {0};
    cgroup_usage_read(&w->containment.cgroups, s->spec.id, USAGE_NOW, &usage);
    write_u64(&reply, usage.cpu_us);
    write_u64(&reply, usage.memory_bytes);
    write_u64(&reply, usage.memory_peak_bytes);
    write_u64(&reply, usage.pids);
    write_u64(&reply, usage.oom_kills == 0 && s->was_oom ? 1 : usage.oom_kills);
    write_u64(&reply, layer_free_inodes(s->layer));
    control_reply(w, owed.verb, owed.request, &reply);
}

/* USAGE, KILL, DESTROY, LAYER_RESET, WORKING_SET and NETWORK_OPEN: an id and nothing else. */
static int handle_named(struct warden *w, struct owed owed, struct reader *body) {
    const char *id = read_string(body);
    if (!read_complete(body)) return -1;
    struct sandbox *s = sandboxes_find(&w->sandboxes, id);
    if (s == NULL && owed.verb == PROTO_DESTROY) {
        control_reply(w, owed.verb, owed.request, &(struct writer){0});
    } else if (s == NULL) {
        fail_unknown(w, owed, id);
    } else if (owed.verb == PROTO_USAGE) {
        reply_usage(w, owed, s);
    } else if (owed.verb == PROTO_DESTROY) {
        sandbox_destroy(w, s, owed);
    } else if (owed.verb == PROTO_LAYER_RESET) {
        reset(w, owed, s);
    } else if (owed.verb == PROTO_WORKING_SET) {
        share_working_set(w, owed, s);
    } else if (owed.verb == PROTO_NETWORK_OPEN) {
        sandbox_open_network(w, s, owed);
    } else {
        sandbox_kill(w, s);
        control_reply(w, owed.verb, owed.request, &(struct writer){0});
    }
    return 0;
}

static int handle_list(struct warden *w, struct owed owed, struct reader *body) {
    cleanup_writer struct writer reply = {0};
    if (!read_complete(body)) return -1;
    write_u16(&reply, (uint16_t)w->sandboxes.count);
    for (int i = 0; i < PROTO_MAX_SANDBOXES; i++) {
        const struct sandbox *s = w->sandboxes.slots[i];
        if (s == NULL) continue;
        write_string(&reply, s->spec.id);
        write_u32(&reply, (uint32_t)sandbox_pid(w, s));
        write_u8(&reply, s->state);
    }
    control_reply(w, owed.verb, owed.request, &reply);
    return 0;
}

static int handle_probe(struct warden *w, struct owed owed, struct reader *body) {
    struct probe_feature features[MOST_FEATURES];
    cleanup_writer struct writer reply = {0};
    if (!read_complete(body)) return -1;
    int count = probe_all(features, MOST_FEATURES);
    write_u16(&reply, (uint16_t)count);
    for (int i = 0; i < count; i++) {
        write_string(&reply, features[i].name);
        write_u8(&reply, features[i].result);
        write_string(&reply, features[i].detail);
    }
    control_reply(w, owed.verb, owed.request, &reply);
    return 0;
}

int requests_handle(struct warden *w, uint16_t verb, uint32_t request, struct reader *body) {
    struct owed owed = {.verb = verb, .request = request};
    switch (verb) {
    case PROTO_PROBE:
        return handle_probe(w, owed, body);
    case PROTO_SANDBOX_CREATE:
        return handle_create(w, owed, body);
    case PROTO_INSTANCE_START:
        return handle_start(w, owed, body);
    case PROTO_INSTANCE_FORK:
        return handle_fork(w, owed, body);
    case PROTO_ZYGOTE_CLAIM:
        return handle_claim(w, owed, body);
    case PROTO_LIMITS_SET:
        return handle_limits(w, owed, body);
    case PROTO_USAGE:
    case PROTO_KILL:
    case PROTO_DESTROY:
    case PROTO_LAYER_RESET:
    case PROTO_WORKING_SET:
    case PROTO_NETWORK_OPEN:
        return handle_named(w, owed, body);
    case PROTO_LIST:
        return handle_list(w, owed, body);
    default:
        return -1;
    }
}
