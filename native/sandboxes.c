/* The warden: the life of every sandbox from the request that makes it to the last reply. */
#include "sandboxes.h"
#include "child.h"
#include "fds.h"
#include "remains.h"
#include "warden.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

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
        if (strcmp(s->spec.id, id) == 0) return s;
    }
    return NULL;
}

struct sandbox *sandboxes_add(struct sandboxes *table, const struct sandbox_spec *spec) {
    if (table->count == USABLE_SLOTS) return NULL;
    struct sandbox *s = calloc(1, sizeof *s);
    if (s == NULL) return NULL;
    while (table->slots[table->next] != NULL)
        table->next = (table->next + 1) % USABLE_SLOTS;
    s->slot = table->next;
    table->slots[s->slot] = s;
    table->next = (table->next + 1) % USABLE_SLOTS;
    table->count++;
    s->spec = *spec;
    s->ends = (struct instance_ends)NO_ENDS;
    s->guest = (struct guest_ends)NO_ENDS;
    s->oom.fd = s->making.talk.fd = s->status.fd = s->pause.fd = s->clone.pidfd.fd = s->channel = s->layer =
        -1;
    s->next = ROOT_NONE;
    for (int i = 0; i < NAMESPACE_COUNT; i++)
        s->ns.fds[i] = -1;
    return s;
}

void sandbox_forget(struct sandboxes *table, struct sandbox *s) {
    table->slots[s->slot] = NULL;
    table->count--;
    free(s);
}

struct sandbox_uids sandbox_uids(const struct warden *w, const struct sandbox *s) {
    return contain_uids(&w->containment, s->spec.kind, s->slot);
}

pid_t sandbox_pid(const struct warden *w, const struct sandbox *s) {
    return s->clone.phase >= CLONE_BORN ? s->pid : w->sandboxes.born[s->slot].program;
}

bool sandbox_alive(const struct warden *w, const struct sandbox *s) {
    const struct born *born = &w->sandboxes.born[s->slot];
    return s->making.talk.fd >= 0 || born->maker != 0 || s->stage != 0 || born->program != 0 ||
           born->pause != 0 || s->clone.phase != CLONE_NONE;
}

static void program_gone(struct warden *w, struct sandbox *s);

/* --- starting ----------------------------------------------------------------------------------------------
 */

void sandbox_start_failed(struct warden *w, struct sandbox *s, const struct failure *f) {
    ends_close(&s->ends);
    sandbox_kill(w, s);
    control_fail(w, s->start.verb, s->start.request, f);
}

int sandbox_send_ends(struct warden *w, struct sandbox *s, uint32_t request, struct failure *f) {
    const int fds[] = {s->ends.wire, s->ends.out, s->ends.err, s->ends.tickets};
    if (control_send_fds(w, request, fds, 4, f) < 0) return -1;
    ends_close(&s->ends);
    return 0;
}

void sandbox_reply_started(struct warden *w, struct sandbox *s) {
    struct failure f;
    cleanup_writer struct writer body = {0};
    /* A clone's were made with its sandbox. */
    if (s->ends.wire >= 0 && sandbox_send_ends(w, s, s->start.request, &f) < 0)
        return sandbox_start_failed(w, s, &f);
    s->started = s->announced = true;
    write_u32(&body, (uint32_t)s->pid);
    write_u64(&body, s->report.pid_ns);
    write_u64(&body, s->report.time_ns);
    control_reply(w, s->start.verb, s->start.request, &body);
}

/* The status closed: pid 1 is the program now, or nobody is left who could become it. */
static void settle_start(struct warden *w, struct sandbox *s) {
    loop_unwatch(w->loop, &s->status);
    if (s->pid == 0) s->pid = w->sandboxes.born[s->slot].program;
    /* The process holds the others from here on. */
    namespaces_close_but_mounts(&s->ns);
    if (s->report.kind == REPORT_NAMESPACES && s->report.pid_ns != 0) {
        sandbox_reply_started(w, s);
        /* A zygote may have ended already while its pause lives. */
        if (s->spec.kind == PROTO_KIND_ZYGOTE && w->sandboxes.born[s->slot].program == 0) program_gone(w, s);
        return;
    }
    struct failure f = s->report.failure;
    if (f.step == NULL) {
        errno = ECHILD;
        fail(&f, "start instance", "it was killed before its program began");
    }
    sandbox_start_failed(w, s, &f);
}

static void status_ready(struct warden *w, struct watch *watch, uint32_t events) {
    (void)events;
    struct sandbox *s = owner_of(watch, status);
    ssize_t count = read(watch->fd, &s->report, sizeof s->report);
    if (count == (ssize_t)sizeof s->report || (count < 0 && errno == EINTR)) return;
    if (count < 0 && errno == EAGAIN && sandbox_alive(w, s)) return;
    settle_start(w, s);
}

static int watch_start(struct warden *w, struct sandbox *s, const struct zygote_ends *zygote,
                       struct failure *f) {
    s->status = (struct watch){.fd = s->ends.status, .ready = status_ready};
    s->ends.status = -1;
    s->channel = zygote->channel;
    s->pause = (struct watch){.fd = zygote->pause, .ready = clones_pause_ready};
    if (loop_watch(w->loop, &s->status, EPOLLIN, f) < 0) return -1;
    return zygote->pause < 0 ? 0 : loop_watch(w->loop, &s->pause, EPOLLIN, f);
}

void sandbox_start(struct warden *w, struct sandbox *s, const struct program *program, struct owed owed) {
    struct failure f;
    struct zygote_ends zygote;
    struct instance_plan plan = {.id = s->spec.id,
                                 .kind = s->spec.kind,
                                 .ns = &s->ns,
                                 .program = program,
                                 .uids = sandbox_uids(w, s),
                                 .open_files = s->spec.open_files,
                                 .born = &w->sandboxes.born[s->slot]};
    if (contain_start(&w->containment, &plan, &s->stage, &s->ends, &zygote, &f) < 0) {
        s->stage = 0;
        control_fail(w, owed.verb, owed.request, &f);
        return;
    }
    s->state = PROTO_STATE_RUNNING;
    s->start = owed;
    if (watch_start(w, s, &zygote, &f) < 0) {
        loop_unwatch(w->loop, &s->status);
        sandbox_start_failed(w, s, &f);
    }
}

/* --- ending ------------------------------------------------------------------------------------------------
 */

void sandbox_kill_all(struct warden *w, struct sandbox *s) {
    const struct born *born = &w->sandboxes.born[s->slot];
    if (!sandbox_alive(w, s)) return;
    clone_cancel(s);
    making_cancel(w, s);
    int killed = cgroup_kill(&w->containment.cgroups, s->spec.id);
    /* Without cgroup.kill: the end of pid 1 ends its whole pid namespace. All are unreaped children, so their
     * numbers are still theirs. The stage first: once the signal waits for it, it forks nobody any more. */
    if (killed < 0 && s->stage != 0) kill(s->stage, SIGKILL);
    if (killed < 0 && born->program != 0) kill(born->program, SIGKILL);
    if (killed < 0 && born->pause != 0) kill(born->pause, SIGKILL);
    /* Not in the v2 tree unless that has the limits (cgroup_open_doors). */
    if (s->clone.pidfd.fd >= 0) pidfd_send_signal(s->clone.pidfd.fd, SIGKILL, NULL, 0);
}

void sandbox_kill(struct warden *w, struct sandbox *s) {
    bool only_zygote = s->spec.kind == PROTO_KIND_ZYGOTE && s->started;
    if (!only_zygote)
        sandbox_kill_all(w, s);
    else if (w->sandboxes.born[s->slot].program != 0)
        kill(w->sandboxes.born[s->slot].program, SIGKILL);
}

static void send_exited(struct warden *w, const struct sandbox *s) {
    struct cgroup_usage usage;
    cleanup_writer struct writer body = {0};
    cgroup_usage_read(&w->containment.cgroups, s->spec.id, USAGE_LASTING, &usage);
    write_string(&body, s->spec.id);
    write_u32(&body, (uint32_t)s->pid);
    write_u8(&body, s->end.si_code != CLD_EXITED);
    write_u32(&body, (uint32_t)s->end.si_status);
    write_u64(&body, usage.oom_kills == 0 && s->was_oom ? 1 : usage.oom_kills);
    write_u64(&body, usage.cpu_us);
    write_u64(&body, usage.memory_peak_bytes);
    control_event(w, PROTO_EXITED, &body);
}

/* A zygote's end is told at once. Its clones live on, and forks that it has not begun fail, because what they
 * were to get closes with its channel. */
static void program_gone(struct warden *w, struct sandbox *s) {
    if (s->announced) send_exited(w, s);
    s->announced = false;
    fd_close(&s->channel);
    if (s->state == PROTO_STATE_RUNNING) s->state = PROTO_STATE_EXITED;
}

void sandbox_all_gone(struct warden *w, struct sandbox *s) {
    /* Whoever could still write is dead: read what was told, down to the end of the stream. */
    while (s->status.fd >= 0)
        status_ready(w, &s->status, 0);
    program_gone(w, s);
    if (s->state == PROTO_STATE_DESTROYING) sandbox_remove(w, s);
}

void sandbox_searched(struct warden *w, struct sandbox *s, const struct failure *f) {
    s->searcher = 0;
    if (f != NULL) return control_fail(w, s->search.verb, s->search.request, f);
    control_reply(w, s->search.verb, s->search.request, &(struct writer){0});
}

static void searcher_ended(struct warden *w, struct sandbox *s, const siginfo_t *info) {
    struct failure f;
    if (info->si_code == CLD_EXITED && info->si_status == 0) return sandbox_searched(w, s, NULL);
    errno = ESRCH;
    fail(&f, "find the working set", "%s ended meanwhile, or its zygote did", s->spec.id);
    sandbox_searched(w, s, &f);
}

/* Which of a sandbox's children it was. */
static bool child_of(struct warden *w, struct sandbox *s, const siginfo_t *info) {
    struct born *born = &w->sandboxes.born[s->slot];
    if (s->stage == info->si_pid) {
        s->stage = 0;
    } else if (born->program == info->si_pid) {
        s->pid = info->si_pid;
        s->end = *info;
        born->program = 0;
        if (born->pause != 0) program_gone(w, s);
    } else if (born->pause == info->si_pid) {
        born->pause = 0;
        clones_end_with_pause(w, s);
    } else {
        return false;
    }
    return true;
}

bool sandboxes_child_ended(struct warden *w, const siginfo_t *info) {
    for (int i = 0; i < PROTO_MAX_SANDBOXES; i++) {
        struct sandbox *s = w->sandboxes.slots[i];
        if (s == NULL) continue;
        if (w->sandboxes.born[i].maker == info->si_pid) {
            making_ended(w, s);
            return true;
        }
        if (s->searcher == info->si_pid) {
            searcher_ended(w, s, info);
            return true;
        }
        if (!child_of(w, s, info)) continue;
        if (!sandbox_alive(w, s)) sandbox_all_gone(w, s);
        return true;
    }
    return false;
}

void sandbox_destroy(struct warden *w, struct sandbox *s, struct owed owed) {
    if (s->removal.request != 0) {
        struct failure f;
        errno = EALREADY;
        fail(&f, "destroy", "%s is being destroyed", s->spec.id);
        control_fail(w, owed.verb, owed.request, &f);
        return;
    }
    s->removal = owed;
    s->state = PROTO_STATE_DESTROYING;
    if (!sandbox_alive(w, s)) return sandbox_remove(w, s);
    sandbox_kill_all(w, s);
}

void sandboxes_retry(struct warden *w) {
    clones_check_deadlines(w);
    sandboxes_retry_removal(w);
}

void sandboxes_destroy_all(struct warden *w) {
    for (int i = 0; i < PROTO_MAX_SANDBOXES; i++)
        if (w->sandboxes.slots[i] != NULL && w->sandboxes.slots[i]->removal.request == 0)
            sandbox_destroy(w, w->sandboxes.slots[i], (struct owed){0});
}
