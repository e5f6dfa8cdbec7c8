/* The warden: the life of a clone, from the request for a fork to its end. It is nobody's child for long:
 * what it tells itself comes over its status, that it is gone over its pidfd, and how it ended over pause. */
#include "fds.h"
#include "pause.h"
#include "textfile.h"
#include "warden.h"
#include "zygote.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

/* How long a zygote may do nothing while forks wait for it. Then it hangs, and is ended. */
#define MOST_FORK_MS 2000
/* How long one fork may wait while others that begun later do not. */
#define MOST_PASSED_MS 5000
/* Pause tells of a clone's end as soon as it can run. */
#define MOST_PAUSE_MS 1000

int64_t clock_now_ms(void) {
    return (int64_t)(fork_now_ns() / 1000000);
}

static void await(struct warden *w, struct sandbox *s, int64_t ms) {
    if (s->clone.deadline_ms == 0) w->sandboxes.waiting++;
    s->clone.deadline_ms = clock_now_ms() + ms;
}

static void await_no_more(struct warden *w, struct sandbox *s) {
    if (s->clone.deadline_ms != 0) w->sandboxes.waiting--;
    s->clone.deadline_ms = 0;
}

/* --- the end -----------------------------------------------------------------------------------------------
 */

static void hear_last(struct warden *w, struct sandbox *s);

static void gone(struct warden *w, struct sandbox *s) {
    hear_last(w, s);
    await_no_more(w, s);
    loop_unwatch(w->loop, &s->clone.pidfd);
    s->clone.phase = CLONE_NONE;
    if (!s->clone.reported) {
        /* Nobody saw it end: it went with its zygote's sandbox, or pause is kept from reaping it. */
        s->end.si_code = CLD_KILLED;
        s->end.si_status = SIGKILL;
    }
    if (!sandbox_alive(w, s)) sandbox_all_gone(w, s);
}

/* Pid 1 only counts as ended when its whole pid namespace is empty. */
static void pidfd_ready(struct warden *w, struct watch *watch, uint32_t events) {
    (void)events;
    struct sandbox *s = owner_of(watch, clone.pidfd);
    loop_unwatch(w->loop, watch);
    hear_last(w, s);
    if (s->clone.reported || s->clone.zygote == NULL) return gone(w, s);
    await(w, s, MOST_PAUSE_MS);
}

static void take_report(struct warden *w, struct sandbox *zygote, const struct pause_report *report) {
    for (int i = 0; i < PROTO_MAX_SANDBOXES; i++) {
        struct sandbox *s = w->sandboxes.slots[i];
        if (s == NULL || s->clone.zygote != zygote || s->clone.phase < CLONE_BORN ||
            s->clone.inner != report->pid || s->clone.reported)
            continue;
        s->clone.reported = true;
        s->end.si_code = report->code;
        s->end.si_status = report->status;
        /* Reaped means gone. */
        return gone(w, s);
    }
    /* A clone that never was complete, or an orphan of the zygote's. */
}

void clones_pause_ready(struct warden *w, struct watch *watch, uint32_t events) {
    (void)events;
    struct sandbox *zygote = owner_of(watch, pause);
    struct pause_report report;
    ssize_t count = recv(watch->fd, &report, sizeof report, MSG_DONTWAIT);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (count != (ssize_t)sizeof report) return loop_unwatch(w->loop, watch);
    take_report(w, zygote, &report);
}

void clones_end_with_pause(struct warden *w, struct sandbox *zygote) {
    while (zygote->pause.fd >= 0)
        clones_pause_ready(w, &zygote->pause, 0);
    for (int i = 0; i < PROTO_MAX_SANDBOXES; i++) {
        struct sandbox *s = w->sandboxes.slots[i];
        if (s == NULL || s->clone.zygote != zygote) continue;
        s->clone.zygote = NULL;
        if (s->clone.phase >= CLONE_BORN) gone(w, s);
    }
}

/* --- the start ---------------------------------------------------------------------------------------------
 */

static uint32_t us(uint64_t from, uint64_t to) {
    return to <= from ? 0 : (uint32_t)((to - from) / 1000);
}

static void write_spans(struct writer *body, const struct fork_times *t, const uint64_t *marks) {
    uint32_t spans[PROTO_SPANS] = {
        [PROTO_SPAN_ASK] = us(t->begun, t->asked),
        [PROTO_SPAN_ROOT] = us(t->asked, t->rooted),
        [PROTO_SPAN_TAKE] = us(t->asked, marks[MARK_TAKEN]),
        [PROTO_SPAN_CGROUP] = us(marks[MARK_TAKEN], marks[MARK_JOINED]),
        [PROTO_SPAN_SETNS] = us(marks[MARK_JOINED], marks[MARK_ENTERED]),
        [PROTO_SPAN_FORK] = us(marks[MARK_ENTERED], marks[MARK_BORN]),
        [PROTO_SPAN_PAGES] = us(marks[MARK_BORN], marks[MARK_FILLED]),
        [PROTO_SPAN_WAIT] = us(marks[MARK_FILLED], marks[MARK_ROOTED]),
        [PROTO_SPAN_PROC] = us(marks[MARK_ROOTED], marks[MARK_PROC]),
        [PROTO_SPAN_LOCK] = us(marks[MARK_PROC], marks[MARK_LOCKED]),
        [PROTO_SPAN_LOOP] = us(marks[MARK_LOCKED], marks[MARK_LOOPED]),
    };
    write_u16(body, PROTO_SPANS);
    for (int i = 0; i < PROTO_SPANS; i++)
        write_u32(body, spans[i]);
}

/* The number after the first one of "NSpid: <here> <in the zygote's sandbox> 1". */
static pid_t inner_pid(pid_t pid) {
    char path[32], text[4096];
    int inner = 0;
    snprintf(path, sizeof path, "/proc/%d/status", pid);
    if (text_read(AT_FDCWD, path, text, sizeof text) < 0) return 0;
    const char *line = strstr(text, "\nNSpid:");
    if (line != NULL) sscanf(line, "\nNSpid: %*d %d", &inner);
    return inner;
}

static uint64_t namespace_of(pid_t pid, const char *name) {
    char path[40];
    struct stat info;
    snprintf(path, sizeof path, "/proc/%d/ns/%s", pid, name);
    return stat(path, &info) == 0 ? info.st_ino : 0;
}

/* The sender's number may be another's by now; its user namespace may not. */
static bool is_of_sandbox(pid_t pid, const struct sandbox *s) {
    return namespace_of(pid, "user") == s->ns.inodes[0];
}

static int hold(struct warden *w, struct sandbox *s, pid_t pid, struct failure *f) {
    struct watch *pidfd = &s->clone.pidfd;
    *pidfd = (struct watch){.fd = pidfd_open(pid, 0), .ready = pidfd_ready};
    if (pidfd->fd < 0) return fail(f, "hold the clone", "pidfd of %d", pid);
    s->clone.inner = inner_pid(pid);
    s->report.pid_ns = namespace_of(pid, "pid");
    s->report.time_ns = namespace_of(pid, "time");
    if (s->clone.inner == 0 || s->report.pid_ns == 0 || s->report.time_ns == 0 || !is_of_sandbox(pid, s)) {
        fd_close(&pidfd->fd);
        errno = ECHILD;
        return fail(f, "hold the clone", "it ended before its first line");
    }
    if (loop_watch(w->loop, pidfd, EPOLLIN, f) == 0) return 0;
    fd_close(&pidfd->fd);
    return -1;
}

static void note_progress(struct sandbox *s) {
    struct sandbox *zygote = s->clone.zygote;
    if (zygote == NULL) return;
    zygote->progress_ms = clock_now_ms();
    if (zygote->progress_ns < s->clone.times.begun) zygote->progress_ns = s->clone.times.begun;
}

static void settle(struct warden *w, struct sandbox *s) {
    loop_unwatch(w->loop, &s->status);
    await_no_more(w, s);
    note_progress(s);
}

/* The end of the status: nobody is left who could become the clone. */
static void fork_failed(struct warden *w, struct sandbox *s) {
    struct failure f = s->clone.failure;
    settle(w, s);
    if (f.step == NULL) {
        errno = ECHILD;
        fail(&f, "fork the zygote", "it, or its clone, was killed meanwhile");
    }
    s->clone.phase = CLONE_NONE;
    sandbox_start_failed(w, s, &f);
    if (!sandbox_alive(w, s)) sandbox_all_gone(w, s);
}

/* Its end follows, whichever way it is told. */
static void end_clone(struct sandbox *s, pid_t pid, const struct failure *f) {
    if (s->clone.failure.step == NULL) s->clone.failure = *f;
    if (s->clone.pidfd.fd >= 0)
        pidfd_send_signal(s->clone.pidfd.fd, SIGKILL, NULL, 0);
    else if (is_of_sandbox(pid, s))
        kill(pid, SIGKILL);
}

/* From now on its end is told, and tsfnd may prepare what it is to do first: it reads that when it is
 * complete. */
static void clone_born(struct warden *w, struct sandbox *s, pid_t pid) {
    struct failure f = s->clone.failure;
    if (f.step != NULL || hold(w, s, pid, &f) < 0) return end_clone(s, pid, &f);
    note_progress(s);
    s->clone.phase = CLONE_BORN;
    s->pid = pid;
    sandbox_reply_started(w, s);
}

static void clone_complete(struct warden *w, struct sandbox *s, const struct fork_report *report) {
    struct failure f;
    cleanup_writer struct writer body = {0};
    /* It runs already: what cannot have its share is ended, as one that crashed. */
    if (cgroup_weigh(&w->containment.cgroups, s->spec.id, CGROUP_OF_CLONE, WEIGHT_USUAL, &f) < 0)
        end_clone(s, s->pid, &f);
    settle(w, s);
    s->clone.phase = CLONE_LIVES;
    write_string(&body, s->spec.id);
    write_u8(&body, 1);
    write_spans(&body, &s->clone.times, report->marks);
    control_event(w, PROTO_COMPLETE, &body);
    namespaces_close_but_mounts(&s->ns);
}

/* It ended, or is about to, and nothing of the function has run in it. */
static void clone_incomplete(struct warden *w, struct sandbox *s) {
    struct failure f;
    cleanup_writer struct writer body = {0};
    errno = ECHILD;
    fail(&f, "fork the zygote", "its clone was killed before it was complete");
    end_clone(s, s->pid, &f);
    settle(w, s);
    s->clone.phase = CLONE_LIVES;
    write_string(&body, s->spec.id);
    write_u8(&body, 0);
    write_failure(&body, &s->clone.failure);
    control_event(w, PROTO_COMPLETE, &body);
}

static void note_failure(struct sandbox *s, const struct fork_report *report) {
    if (s->clone.failure.step != NULL) return;
    errno = report->err;
    fail(&s->clone.failure, "fork the zygote", "%.40s: %.140s", report->step, report->detail);
}

/* 1 with a report, 0 when there is none yet, -1 at the end. */
static int receive(int fd, struct fork_report *report, pid_t *sender) {
    union {
        struct cmsghdr header; /* for its alignment */
        char bytes[CMSG_SPACE(sizeof(struct ucred))];
    } control;
    struct iovec data = {.iov_base = report, .iov_len = sizeof *report};
    struct msghdr message = {.msg_iov = &data,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    ssize_t count = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
    struct cmsghdr *header = count < 0 ? NULL : CMSG_FIRSTHDR(&message);
    if (count != (ssize_t)sizeof *report || header == NULL || header->cmsg_type != SCM_CREDENTIALS) return -1;
    struct ucred credentials;
    memcpy(&credentials, CMSG_DATA(header), sizeof credentials);
    *sender = credentials.pid;
    report->step[sizeof report->step - 1] = report->detail[sizeof report->detail - 1] = '\0';
    return 1;
}

/* False at its end, and when there is nothing to read. */
static bool hear(struct warden *w, struct sandbox *s) {
    struct fork_report report;
    pid_t sender;
    int result = s->status.fd < 0 ? 0 : receive(s->status.fd, &report, &sender);
    if (result < 0 && s->clone.phase == CLONE_ASKED)
        fork_failed(w, s);
    else if (result < 0)
        clone_incomplete(w, s);
    if (result <= 0) return false;
    if (report.news == FORK_FAILED)
        note_failure(s, &report);
    else if (report.news == FORK_BORN && s->clone.phase == CLONE_ASKED)
        clone_born(w, s, sender);
    else if (report.news == FORK_COMPLETE && s->clone.phase == CLONE_BORN)
        clone_complete(w, s, &report);
    return true;
}

static void status_ready(struct warden *w, struct watch *watch, uint32_t events) {
    (void)events;
    hear(w, owner_of(watch, status));
}

/* Of one that has ended: its zygote may still hold the status. */
static void hear_last(struct warden *w, struct sandbox *s) {
    while (s->clone.phase == CLONE_BORN && hear(w, s))
        continue;
    if (s->clone.phase == CLONE_BORN) clone_incomplete(w, s);
}

void clone_cancel(struct sandbox *s) {
    if (s->clone.phase != CLONE_ASKED) return;
    if (s->clone.failure.step == NULL) {
        errno = ECANCELED;
        fail(&s->clone.failure, "fork the zygote", "the sandbox was killed meanwhile");
    }
    /* Whoever reads sees the end; what is still sent arrives. */
    shutdown(s->status.fd, SHUT_WR);
}

static int set_limits(struct warden *w, struct sandbox *s, const struct sandbox_spec *claim,
                      struct failure *f) {
    const struct cgroup_limits *now = &s->spec.limits, *next = &claim->limits;
    if (now->memory_bytes == next->memory_bytes && now->cpu_thousandths == next->cpu_thousandths &&
        now->pids == next->pids)
        return 0;
    return cgroup_limits_set(&w->containment.cgroups, s->spec.id, next, f);
}

void sandbox_fork(struct warden *w, struct sandbox *s, struct sandbox *zygote,
                  const struct sandbox_spec *claim, struct owed owed) {
    struct failure f;
    struct fork_plan plan = {.spec = claim,
                             .ns = &s->ns,
                             .channel = zygote->channel,
                             .uids = sandbox_uids(w, s),
                             .layer = &s->layer};
    s->clone = (struct clone){.zygote = zygote, .pidfd.fd = -1};
    s->clone.times.begun = fork_now_ns();
    if (set_limits(w, s, claim, &f) < 0) return control_fail(w, owed.verb, owed.request, &f);
    s->spec = *claim;
    int status = -1, result = contain_fork(&w->containment, &plan, &s->guest, &status, &s->clone.times, &f);
    if (result < 0 && status < 0) return control_fail(w, owed.verb, owed.request, &f);
    s->state = PROTO_STATE_RUNNING;
    s->start = owed;
    s->clone.phase = CLONE_ASKED;
    s->status = (struct watch){.fd = status, .ready = status_ready};
    await(w, s, MOST_FORK_MS);
    if (result < 0) s->clone.failure = f;
    /* What cannot be watched is looked at when it is overdue. */
    if (loop_watch(w->loop, &s->status, EPOLLIN, &f) < 0) s->clone.failure = f;
    if (s->clone.failure.step != NULL) clone_cancel(s);
}

/* --- what takes too long -----------------------------------------------------------------------------------
 */

/* Forks wait in line, so what counts is that the line moves, unless it has moved past this one. */
static int64_t patience_ends_ms(const struct sandbox *s, const struct sandbox *zygote) {
    int64_t ends = zygote->progress_ms + MOST_FORK_MS;
    int64_t most = (int64_t)(s->clone.times.begun / 1000000) + MOST_PASSED_MS;
    bool is_passed = s->clone.phase == CLONE_ASKED && s->clone.times.begun < zygote->progress_ns;
    return is_passed && most < ends ? most : ends;
}

/* The zygote's end closes what the fork waits for; whoever still holds that then is a child of it, as only
 * hostile code makes one. */
static void end_zygote(struct warden *w, struct sandbox *zygote) {
    if (zygote->state == PROTO_STATE_RUNNING)
        sandbox_kill(w, zygote);
    else
        sandbox_kill_all(w, zygote);
}

static void fork_overdue(struct warden *w, struct sandbox *s, int64_t now) {
    struct failure f;
    struct sandbox *zygote = s->clone.zygote;
    unsigned slot = s->slot;
    status_ready(w, &s->status, 0);
    /* With its status, a sandbox that is being destroyed may have come to its end. */
    if (w->sandboxes.slots[slot] != s) return;
    if (s->clone.phase != CLONE_ASKED && s->clone.phase != CLONE_BORN) return;
    if (zygote != NULL && now < patience_ends_ms(s, zygote)) {
        s->clone.deadline_ms = patience_ends_ms(s, zygote);
        return;
    }
    errno = ETIMEDOUT;
    fail(&f, "fork the zygote", "it did nothing for %d ms and is ended", MOST_FORK_MS);
    await(w, s, MOST_FORK_MS);
    if (s->clone.phase == CLONE_BORN) return end_clone(s, s->pid, &f);
    if (s->clone.failure.step == NULL) s->clone.failure = f;
    clone_cancel(s);
    if (zygote != NULL) end_zygote(w, zygote);
}

void clones_check_deadlines(struct warden *w) {
    int64_t now = clock_now_ms();
    for (int i = 0; i < PROTO_MAX_SANDBOXES && w->sandboxes.waiting > 0; i++) {
        struct sandbox *s = w->sandboxes.slots[i];
        if (s == NULL || s->clone.deadline_ms == 0 || now < s->clone.deadline_ms) continue;
        if (s->clone.phase == CLONE_LIVES)
            gone(w, s);
        else
            fork_overdue(w, s, now);
    }
}
