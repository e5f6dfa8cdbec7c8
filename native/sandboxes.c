/* The warden: the life of every sandbox from the request that makes it to the last reply. */
#include "sandboxes.h"
#include "child.h"
#include "fds.h"
#include "warden.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define owner_of(watch_pointer, member)                                                                      \
    ((struct sandbox *)(void *)((char *)(watch_pointer)-offsetof(struct sandbox, member)))

/* At 2 ms each, 10 s: a group that is busy for longer holds a process that waits for a disk. */
#define MOST_REMOVAL_TRIES 5000

int sandboxes_open(struct sandboxes *table, struct failure *f) {
    void *memory = mmap(NULL, PROTO_MAX_SANDBOXES * sizeof *table->born, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return fail(f, "open the table of sandboxes", "mmap");
    table->born = memory;
    return 0;
}

struct sandbox *sandboxes_find(struct sandboxes *table, const char *id) {
    for (int i = 0, seen = 0; i < PROTO_MAX_SANDBOXES && seen < table->count; i++) {
        struct sandbox *s = table->slots[i];
        if (s == NULL) continue;
        seen++;
        if (strcmp(s->id, id) == 0) return s;
    }
    return NULL;
}

static struct sandbox *add(struct sandboxes *table, const struct sandbox_spec *spec) {
    if (table->count == PROTO_MAX_SANDBOXES) return NULL;
    struct sandbox *s = calloc(1, sizeof *s);
    if (s == NULL) return NULL;
    while (table->slots[table->next] != NULL)
        table->next = (table->next + 1) % PROTO_MAX_SANDBOXES;
    s->slot = table->next;
    table->slots[s->slot] = s;
    table->next = (table->next + 1) % PROTO_MAX_SANDBOXES;
    table->count++;
    memcpy(s->id, spec->id, sizeof s->id);
    s->limits = spec->limits;
    s->open_files = spec->open_files;
    s->ends = (struct instance_ends){.status = -1, .wire = -1, .out = -1, .err = -1};
    s->oom.fd = s->status.fd = -1;
    for (int i = 0; i < NAMESPACE_COUNT; i++)
        s->ns.fds[i] = -1;
    return s;
}

static void forget(struct sandboxes *table, struct sandbox *s) {
    table->slots[s->slot] = NULL;
    table->count--;
    free(s);
}

static bool alive(const struct warden *w, const struct sandbox *s) {
    return s->stage != 0 || w->sandboxes.born[s->slot] != 0;
}

/* --- making ------------------------------------------------------------------------------------------------
 */

/* cgroup v1 killed one task of it; without the others the rest would be a function that is half there. */
static void oom_ready(struct warden *w, struct watch *watch, uint32_t events) {
    (void)events;
    struct sandbox *s = owner_of(watch, oom);
    uint64_t times;
    if (read(watch->fd, &times, sizeof times) < 0) return;
    s->was_oom = true;
    sandbox_kill(w, s);
}

static int watch_oom(struct warden *w, struct sandbox *s, struct failure *f) {
    s->oom = (struct watch){.fd = cgroup_watch_oom(&w->containment.cgroups, s->id), .ready = oom_ready};
    return s->oom.fd < 0 ? 0 : loop_watch(w->loop, &s->oom, EPOLLIN, f);
}

static void reply_created(struct warden *w, const struct sandbox *s, struct owed owed) {
    cleanup_writer struct writer body = {0};
    char path[256];
    write_u32(&body, uid_range(&w->containment.uids, s->slot));
    for (int i = 0; i < NAMESPACE_COUNT; i++)
        write_u64(&body, s->ns.inodes[i]);
    write_u16(&body, (uint16_t)w->containment.cgroups.count);
    for (int i = 0; cgroup_path(&w->containment.cgroups, i, s->id, path, sizeof path) != NULL; i++)
        write_string(&body, path);
    control_reply(w, owed.verb, owed.request, &body);
}

static void begin_removal(struct warden *w, struct sandbox *s);

void sandbox_create(struct warden *w, const struct sandbox_spec *spec, struct owed owed) {
    struct failure f;
    struct sandbox *s = add(&w->sandboxes, spec);
    if (s == NULL) {
        errno = ENOSPC;
        fail(&f, "make room among the sandboxes", "%d of at most %d", w->sandboxes.count,
             PROTO_MAX_SANDBOXES);
        control_fail(w, owed.verb, owed.request, &f);
        return;
    }
    uint32_t uid_base = uid_range(&w->containment.uids, s->slot);
    if (contain_create(&w->containment, spec, uid_base, &s->ns, &f) == 0 && watch_oom(w, s, &f) == 0) {
        reply_created(w, s, owed);
        return;
    }
    s->create_failure = f;
    s->removal = owed;
    begin_removal(w, s);
}

/* --- starting ----------------------------------------------------------------------------------------------
 */

static void close_ends(struct sandbox *s) {
    fd_close(&s->ends.wire);
    fd_close(&s->ends.out);
    fd_close(&s->ends.err);
}

static void start_failed(struct warden *w, struct sandbox *s, const struct failure *f) {
    close_ends(s);
    sandbox_kill(w, s);
    control_fail(w, s->start.verb, s->start.request, f);
}

static void reply_started(struct warden *w, struct sandbox *s) {
    struct failure f;
    cleanup_writer struct writer body = {0};
    const int fds[] = {s->ends.wire, s->ends.out, s->ends.err};
    if (control_send_fds(w, s->start.request, fds, 3, &f) < 0) return start_failed(w, s, &f);
    close_ends(s);
    s->announced = true;
    write_u32(&body, (uint32_t)s->pid);
    write_u64(&body, s->report.pid_ns);
    write_u64(&body, s->report.time_ns);
    control_reply(w, s->start.verb, s->start.request, &body);
}

/* The status closed: pid 1 is the program now, or nobody is left who could become it. */
static void settle_start(struct warden *w, struct sandbox *s) {
    loop_unwatch(w->loop, &s->status);
    if (s->pid == 0) s->pid = w->sandboxes.born[s->slot];
    /* The process holds them from here on. */
    namespaces_close(&s->ns);
    if (s->report.kind == REPORT_NAMESPACES && s->report.pid_ns != 0) return reply_started(w, s);
    struct failure f = s->report.failure;
    if (f.step == NULL) {
        errno = ECHILD;
        fail(&f, "start instance", "it was killed before its program began");
    }
    start_failed(w, s, &f);
}

static void status_ready(struct warden *w, struct watch *watch, uint32_t events) {
    (void)events;
    struct sandbox *s = owner_of(watch, status);
    ssize_t count = read(watch->fd, &s->report, sizeof s->report);
    if (count == (ssize_t)sizeof s->report || (count < 0 && errno == EINTR)) return;
    if (count < 0 && errno == EAGAIN && alive(w, s)) return;
    settle_start(w, s);
}

void sandbox_start(struct warden *w, struct sandbox *s, const struct program *program, struct owed owed) {
    struct failure f;
    struct instance_plan plan = {.id = s->id,
                                 .ns = &s->ns,
                                 .program = program,
                                 .uid_base = uid_range(&w->containment.uids, s->slot),
                                 .open_files = s->open_files,
                                 .born = &w->sandboxes.born[s->slot]};
    if (contain_start(&w->containment, &plan, &s->ends, &f) < 0) {
        control_fail(w, owed.verb, owed.request, &f);
        return;
    }
    s->state = PROTO_STATE_RUNNING;
    s->stage = s->ends.stage;
    s->start = owed;
    s->status = (struct watch){.fd = s->ends.status, .ready = status_ready};
    if (loop_watch(w->loop, &s->status, EPOLLIN, &f) < 0) {
        fd_close(&s->status.fd);
        start_failed(w, s, &f);
    }
}

/* --- ending ------------------------------------------------------------------------------------------------
 */

void sandbox_kill(struct warden *w, struct sandbox *s) {
    if (!alive(w, s) || cgroup_kill(&w->containment.cgroups, s->id) == 0) return;
    /* Without cgroup.kill: the end of pid 1 ends its whole pid namespace. Both are unreaped children, so
     * their numbers are still theirs. The stage first: once the signal waits for it, it forks nobody any
     * more. */
    if (s->stage != 0) kill(s->stage, SIGKILL);
    if (w->sandboxes.born[s->slot] != 0) kill(w->sandboxes.born[s->slot], SIGKILL);
}

static void send_exited(struct warden *w, const struct sandbox *s) {
    struct cgroup_usage usage;
    cleanup_writer struct writer body = {0};
    cgroup_usage_read(&w->containment.cgroups, s->id, &usage);
    write_string(&body, s->id);
    write_u32(&body, (uint32_t)s->pid);
    write_u8(&body, s->end.si_code != CLD_EXITED);
    write_u32(&body, (uint32_t)s->end.si_status);
    write_u64(&body, usage.oom_kills == 0 && s->was_oom ? 1 : usage.oom_kills);
    write_u64(&body, usage.cpu_us);
    write_u64(&body, usage.memory_peak_bytes);
    control_event(w, PROTO_EXITED, &body);
}

/* The last process of it is reaped. Pid 1 is only reaped when its whole pid namespace is empty. */
static void all_gone(struct warden *w, struct sandbox *s) {
    if (s->status.fd >= 0) {
        /* Whoever could still write is dead: read what was told, down to the end of the stream. */
        while (s->status.fd >= 0)
            status_ready(w, &s->status, 0);
    }
    if (s->announced) send_exited(w, s);
    if (s->state == PROTO_STATE_DESTROYING)
        begin_removal(w, s);
    else
        s->state = PROTO_STATE_EXITED;
}

bool sandboxes_child_ended(struct warden *w, const siginfo_t *info) {
    for (int i = 0; i < PROTO_MAX_SANDBOXES; i++) {
        struct sandbox *s = w->sandboxes.slots[i];
        if (s == NULL) continue;
        if (s->stage == info->si_pid) {
            s->stage = 0;
        } else if (w->sandboxes.born[i] == info->si_pid) {
            s->pid = info->si_pid;
            s->end = *info;
            w->sandboxes.born[i] = 0;
        } else {
            continue;
        }
        if (!alive(w, s)) all_gone(w, s);
        return true;
    }
    return false;
}

static void reply_removed(struct warden *w, struct sandbox *s, const struct failure *f) {
    struct owed owed = s->removal;
    s->removal.request = 0;
    if (owed.request == 0) return;
    if (f != NULL) return control_fail(w, owed.verb, owed.request, f);
    control_reply(w, owed.verb, owed.request, &(struct writer){0});
}

static void try_removal(struct warden *w, struct sandbox *s) {
    if (cgroup_remove(&w->containment.cgroups, s->id) == 0) {
        if (s->removal_tries > 0) w->sandboxes.removing--;
        reply_removed(w, s, s->create_failure.step == NULL ? NULL : &s->create_failure);
        forget(&w->sandboxes, s);
        return;
    }
    struct failure f;
    fail(&f, "remove cgroup", "%s", s->id);
    if (s->removal_tries++ == 0) w->sandboxes.removing++;
    if (s->removal_tries < MOST_REMOVAL_TRIES && errno == EBUSY) return;
    /* The record stays, so that the id is not used again and a later destroy tries again. */
    w->sandboxes.removing--;
    s->removal_tries = 0;
    reply_removed(w, s, &f);
}

/* No process is left. Closing the namespaces takes the mounts and the loopback device with them. */
static void begin_removal(struct warden *w, struct sandbox *s) {
    s->state = PROTO_STATE_DESTROYING;
    namespaces_close(&s->ns);
    loop_unwatch(w->loop, &s->oom);
    try_removal(w, s);
}

void sandbox_destroy(struct warden *w, struct sandbox *s, struct owed owed) {
    if (s->removal.request != 0) {
        struct failure f;
        errno = EALREADY;
        fail(&f, "destroy", "%s is being destroyed", s->id);
        control_fail(w, owed.verb, owed.request, &f);
        return;
    }
    s->removal = owed;
    s->state = PROTO_STATE_DESTROYING;
    if (!alive(w, s)) return begin_removal(w, s);
    sandbox_kill(w, s);
}

void sandboxes_retry(struct warden *w) {
    for (int i = 0; i < PROTO_MAX_SANDBOXES && w->sandboxes.removing > 0; i++) {
        struct sandbox *s = w->sandboxes.slots[i];
        if (s != NULL && s->removal_tries > 0) try_removal(w, s);
    }
}

void sandboxes_destroy_all(struct warden *w) {
    for (int i = 0; i < PROTO_MAX_SANDBOXES; i++)
        if (w->sandboxes.slots[i] != NULL && w->sandboxes.slots[i]->removal.request == 0)
            sandbox_destroy(w, w->sandboxes.slots[i], (struct owed){0});
}
