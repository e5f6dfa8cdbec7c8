/* The warden: resets and removals of sandboxes, whose old mounts the closer frees meanwhile. */
#include "remains.h"
#include "closer.h"
#include "fds.h"
#include "warden.h"

#include <unistd.h>

/* At 2 ms each, 10 s: a group that is busy for longer holds a process that waits for a disk. */
#define MOST_REMOVAL_TRIES 5000
/* 1 s: the processes of a clone are gone when its group is removed. Who is still in it, or keeps its memory,
 * belongs to its zygote, which had the doors and the namespaces; only hostile code uses them for that. */
#define PATIENT_TRIES 500
/* Of one sandbox, that may wait for the closer: 64 old roots, with the layer of each. */
#define MOST_REMAINS 128
/* A layer that holds less is not worth counting. */
#define LITTLE_BYTES (1u << 20)

static void hand_over(struct warden *w, struct sandbox *s, int *fd) {
    if (*fd >= 0 && closer_take(w, fd, s->slot)) s->remains++;
}

/* --- resetting ---------------------------------------------------------------------------------------------
 */

static void reply_reset(struct warden *w, struct sandbox *s, const struct failure *f) {
    struct owed owed = s->reset;
    s->reset.request = 0;
    if (f != NULL) return control_fail(w, owed.verb, owed.request, f);
    control_reply(w, owed.verb, owed.request, &(struct writer){0});
}

/* Whether the sandbox's memory might not do for an invocation like the last one as long as that one's files
 * count, too. Then the instance waits until they are gone. */
static bool is_tight(const struct warden *w, const struct sandbox *s, uint64_t held_bytes) {
    if (held_bytes < LITTLE_BYTES) return false;
    uint64_t used = cgroup_memory_read(&w->containment.cgroups, s->spec.id);
    return used + held_bytes > s->spec.limits.memory_bytes;
}

static void begin_reset(struct warden *w, struct sandbox *s) {
    struct failure f;
    struct sandbox_uids uids = sandbox_uids(w, s);
    uint64_t held_bytes = layer_held_bytes(s->layer);
    int old = -1, layer = s->layer;
    int result = contain_reset(&w->containment, &s->spec, &s->ns, &uids, &s->next, &s->layer, &old, &f);
    s->is_reset = true;
    /* The reply first: on a machine with one cpu the closer would run before it. */
    if (result < 0)
        reply_reset(w, s, &f);
    else if (!is_tight(w, s, held_bytes))
        reply_reset(w, s, NULL);
    hand_over(w, s, &old);
    if (layer != s->layer) hand_over(w, s, &layer);
    if (s->remains == 0 && s->reset.request != 0) reply_reset(w, s, NULL);
}

/* Who wrote to its layer once will again, and then waits for a swap only. If this fails, the next reset makes
 * its own root, or says why it cannot. */
static void make_next_root(struct warden *w, struct sandbox *s) {
    struct failure f;
    struct sandbox_uids uids = sandbox_uids(w, s);
    if (s->spec.kind != PROTO_KIND_INSTANCE || s->state != PROTO_STATE_RUNNING || s->next.overlay >= 0)
        return;
    contain_make_root(&w->containment, &s->spec, &uids, &s->next, &f);
}

void sandbox_reset(struct warden *w, struct sandbox *s, struct owed owed) {
    if (s->reset.request != 0) {
        struct failure f;
        errno = EALREADY;
        fail(&f, "reset", "%s is being reset", s->spec.id);
        return control_fail(w, owed.verb, owed.request, &f);
    }
    s->reset = owed;
    s->is_reset = false;
    if (s->remains < MOST_REMAINS) begin_reset(w, s);
}

void sandbox_claim(struct warden *w, struct sandbox *s, const struct sandbox_spec *claim, struct owed owed) {
    struct failure f;
    if (cgroup_limits_set(&w->containment.cgroups, s->spec.id, &claim->limits, &f) < 0 ||
        namespaces_set_hostname(s->pid, claim->hostname, &f) < 0)
        return control_fail(w, owed.verb, owed.request, &f);
    s->spec = *claim;
    sandbox_reset(w, s, owed);
}

/* --- removing ----------------------------------------------------------------------------------------------
 */

static void reply_removed(struct warden *w, struct sandbox *s, const struct failure *f) {
    struct owed owed = s->removal;
    s->removal.request = 0;
    if (owed.request == 0) return;
    if (f != NULL) return control_fail(w, owed.verb, owed.request, f);
    control_reply(w, owed.verb, owed.request, &(struct writer){0});
}

/* Whether the zygote keeps files that a clone wrote, by a mount namespace or a descriptor: it is in the
 * clone's namespaces, and that memory would count for nobody. What the kernel reports may be off by 256 KiB
 * for each processor (MEMCG_CHARGE_BATCH). */
static bool is_kept(const struct warden *w, const struct sandbox *s) {
    const struct cgroups *cgroups = &w->containment.cgroups;
    if (s->clone.zygote == NULL || cgroup_memory_read(cgroups, s->spec.id) < LITTLE_BYTES) return false;
    uint64_t unsure = (uint64_t)sysconf(_SC_NPROCESSORS_ONLN) << 18;
    return cgroup_files_read(cgroups, s->spec.id) > LITTLE_BYTES + unsure;
}

static int remove_groups(struct warden *w, const struct sandbox *s) {
    if (!is_kept(w, s)) return cgroup_remove(&w->containment.cgroups, s->spec.id);
    errno = EBUSY;
    return -1;
}

static void try_removal(struct warden *w, struct sandbox *s) {
    if (remove_groups(w, s) == 0) {
        if (s->removal_tries > 0) w->sandboxes.removing--;
        reply_removed(w, s, s->is_unmade ? &s->making.failure : NULL);
        sandbox_forget(&w->sandboxes, s);
        return;
    }
    struct failure f;
    fail(&f, "remove cgroup", "%s", s->spec.id);
    if (s->removal_tries++ == 0) w->sandboxes.removing++;
    if (s->removal_tries == PATIENT_TRIES && s->clone.zygote != NULL) sandbox_kill_all(w, s->clone.zygote);
    if (s->removal_tries < MOST_REMOVAL_TRIES && errno == EBUSY) return;
    /* The record stays, so that the id is not used again and a later destroy tries again. */
    w->sandboxes.removing--;
    s->removal_tries = 0;
    reply_removed(w, s, &f);
}

/* Closing the namespaces takes the mounts and the loopback device with them. */
void sandbox_remove(struct warden *w, struct sandbox *s) {
    s->state = PROTO_STATE_DESTROYING;
    s->is_vacated = true;
    hand_over(w, s, &s->layer);
    hand_over(w, s, &s->next.overlay);
    hand_over(w, s, &s->next.dev);
    hand_over(w, s, &s->next.shm);
    hand_over(w, s, &s->next.layer);
    hand_over(w, s, &s->ns.fds[NAMESPACE_MNT]);
    namespaces_close(&s->ns);
    ends_close(&s->ends);
    guest_ends_close(&s->guest);
    loop_unwatch(w->loop, &s->oom);
    loop_unwatch(w->loop, &s->pause);
    if (s->reset.request != 0) {
        struct failure f;
        errno = ECANCELED;
        fail(&f, "reset", "%s is being destroyed", s->spec.id);
        reply_reset(w, s, &f);
    }
    if (s->searcher != 0) {
        struct failure f;
        errno = ECANCELED;
        fail(&f, "find the working set", "%s is being destroyed", s->spec.id);
        sandbox_searched(w, s, &f);
    }
    if (s->remains == 0) try_removal(w, s);
}

void sandboxes_retry_removal(struct warden *w) {
    for (int i = 0; i < PROTO_MAX_SANDBOXES && w->sandboxes.removing > 0; i++) {
        struct sandbox *s = w->sandboxes.slots[i];
        if (s != NULL && s->removal_tries > 0) try_removal(w, s);
    }
}

/* --- the closer's word -------------------------------------------------------------------------------------
 */

static void go_on(struct warden *w, struct sandbox *s) {
    if (s->is_vacated) {
        if (s->remains == 0) try_removal(w, s);
    } else if (s->reset.request != 0 && !s->is_reset) {
        begin_reset(w, s);
    } else if (s->remains == 0) {
        if (s->reset.request != 0) reply_reset(w, s, NULL);
        make_next_root(w, s);
    }
}

void remains_closed(struct warden *w, uint32_t slot) {
    struct sandbox *s = slot < PROTO_MAX_SANDBOXES ? w->sandboxes.slots[slot] : NULL;
    if (s == NULL || s->remains == 0) return;
    s->remains--;
    go_on(w, s);
}

void remains_all_closed(struct warden *w) {
    for (int i = 0; i < PROTO_MAX_SANDBOXES; i++) {
        struct sandbox *s = w->sandboxes.slots[i];
        if (s == NULL || s->remains == 0) continue;
        s->remains = 0;
        go_on(w, s);
    }
}
