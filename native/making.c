/* The warden: the making of sandboxes, any number at a time, from the request to the end of the maker. That
 * one tells of its steps over `talk` while the warden does other things. */
#include "child.h"
#include "fds.h"
#include "remains.h"
#include "warden.h"

#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* The failure is told when nothing of it is left. */
static void unmake(struct warden *w, struct sandbox *s) {
    s->is_unmade = true;
    s->removal = s->making.owed;
    sandbox_remove(w, s);
}

/* --- the way there -----------------------------------------------------------------------------------------
 */

/* Whoever is to become the maker sees the end of the talk. One that is born has a number that is its own, for
 * nobody but the warden reaps it. */
void making_cancel(struct warden *w, struct sandbox *s) {
    pid_t maker = w->sandboxes.born[s->slot].maker;
    if (s->making.talk.fd >= 0) shutdown(s->making.talk.fd, SHUT_WR);
    if (maker != 0) kill(maker, SIGKILL);
}

static void give_up(struct warden *w, struct sandbox *s, const struct failure *f) {
    if (s->making.failure.step == NULL) s->making.failure = *f;
    making_cancel(w, s);
}

static void follow(struct warden *w, struct sandbox *s, const struct report *report) {
    struct failure f;
    struct sandbox_uids uids = sandbox_uids(w, s);
    pid_t maker = w->sandboxes.born[s->slot].maker;
    if (report->kind == REPORT_DONE)
        s->making.is_done = true;
    else if (report->kind == REPORT_FAILED)
        give_up(w, s, &report->failure);
    else if (maker == 0)
        return; /* its number may be another's by now */
    else if (contain_hold(maker, s->making.talk.fd, &uids, &s->ns, &f) < 0)
        give_up(w, s, &f);
    else
        loop_ignore(w->loop, &s->making.talk); /* what else it tells is read when it is reaped */
}

/* False at its end, and when there is nothing to read. */
static bool hear(struct warden *w, struct sandbox *s) {
    struct report report;
    ssize_t count = recv(s->making.talk.fd, &report, sizeof report, MSG_DONTWAIT);
    if (count == (ssize_t)sizeof report) {
        follow(w, s, &report);
        return true;
    }
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return false;
    loop_unwatch(w->loop, &s->making.talk);
    return false;
}

static void settle(struct warden *w, struct sandbox *s);

static void talk_ready(struct warden *w, struct watch *watch, uint32_t events) {
    (void)events;
    struct sandbox *s = owner_of(watch, making.talk);
    hear(w, s);
    /* It ended without a maker, or the maker was reaped before. */
    if (watch->fd < 0 && w->sandboxes.born[s->slot].maker == 0) settle(w, s);
}

void sandbox_create(struct warden *w, const struct sandbox_spec *spec, struct owed owed) {
    struct failure f;
    struct sandbox *s = sandboxes_add(&w->sandboxes, spec);
    if (s == NULL) {
        errno = ENOSPC;
        fail(&f, "make room among the sandboxes", "%d of at most %d", w->sandboxes.count, USABLE_SLOTS);
        return control_fail(w, owed.verb, owed.request, &f);
    }
    struct making *m = &s->making;
    struct sandbox_uids uids = sandbox_uids(w, s);
    s->state = PROTO_STATE_MAKING;
    *m = (struct making){.owed = owed, .talk = {.fd = -1, .ready = talk_ready}};
    if (contain_make(&w->containment, spec, &uids, s->slot, &m->talk.fd, &s->layer, &m->failure) < 0)
        return unmake(w, s);
    if (loop_watch(w->loop, &m->talk, EPOLLIN, &f) < 0) give_up(w, s, &f);
}

/* --- the end -----------------------------------------------------------------------------------------------
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
    s->oom = (struct watch){.fd = cgroup_watch_oom(&w->containment.cgroups, s->spec.id), .ready = oom_ready};
    return s->oom.fd < 0 ? 0 : loop_watch(w->loop, &s->oom, EPOLLIN, f);
}

static void reply_created(struct warden *w, struct sandbox *s) {
    const struct cgroups *cgroups = &w->containment.cgroups;
    cleanup_writer struct writer body = {0};
    char path[256];
    enum cgroup_kind kind = contain_groups(&s->spec);
    uint16_t joined = 0;
    for (int i = 0; i < cgroups->count; i++)
        joined = (uint16_t)(joined + cgroup_has(cgroups, i, kind));
    write_u32(&body, sandbox_uids(w, s).base);
    for (int i = 0; i < NAMESPACE_COUNT; i++)
        write_u64(&body, s->ns.inodes[i]);
    write_u16(&body, joined);
    for (int i = 0; cgroup_path(cgroups, i, s->spec.id, path, sizeof path) != NULL; i++)
        if (cgroup_has(cgroups, i, kind)) write_string(&body, path);
    control_reply(w, s->making.owed.verb, s->making.owed.request, &body);
}

/* Nothing of them depends on who will be forked, and tsfnd has time for its own now. */
static int make_ends(struct warden *w, struct sandbox *s, struct failure *f) {
    if (contain_groups(&s->spec) != CGROUP_OF_CLONE) return 0;
    if (ends_open(&s->ends, &s->guest, sandbox_uids(w, s).function, f) < 0) return -1;
    return sandbox_send_ends(w, s, s->making.owed.request, f);
}

static void destroyed_meanwhile(struct warden *w, struct sandbox *s) {
    struct failure f;
    errno = ECANCELED;
    fail(&f, "make sandbox", "%s was destroyed meanwhile", s->spec.id);
    control_fail(w, s->making.owed.verb, s->making.owed.request, &f);
    sandbox_remove(w, s);
}

static void settle(struct warden *w, struct sandbox *s) {
    struct failure *f = &s->making.failure;
    loop_unwatch(w->loop, &s->making.talk);
    if (s->state == PROTO_STATE_DESTROYING) return destroyed_meanwhile(w, s);
    if (!s->making.is_done && f->step == NULL) {
        errno = ECHILD;
        fail(f, "make sandbox", "its maker ended before its work was done");
    }
    if (f->step != NULL || watch_oom(w, s, f) < 0 || make_ends(w, s, f) < 0) return unmake(w, s);
    s->state = PROTO_STATE_EMPTY;
    reply_created(w, s);
}

void making_ended(struct warden *w, struct sandbox *s) {
    w->sandboxes.born[s->slot].maker = 0;
    while (s->making.talk.fd >= 0 && hear(w, s))
        continue;
    settle(w, s);
}
