/* The warden's event loop. */
#include "loop.h"
#include "fds.h"

#include <stddef.h>
#include <sys/epoll.h>

int loop_open(struct failure *f) {
    int loop = epoll_create1(EPOLL_CLOEXEC);
    return loop < 0 ? fail(f, "open the loop", "epoll_create1") : loop;
}

int loop_watch(int loop, struct watch *watch, uint32_t events, struct failure *f) {
    struct epoll_event event = {.events = events, .data.ptr = watch};
    if (epoll_ctl(loop, EPOLL_CTL_ADD, watch->fd, &event) < 0)
        return fail(f, "watch descriptor", "%d", watch->fd);
    return 0;
}

int loop_change(int loop, struct watch *watch, uint32_t events) {
    struct epoll_event event = {.events = events, .data.ptr = watch};
    return epoll_ctl(loop, EPOLL_CTL_MOD, watch->fd, &event);
}

void loop_ignore(int loop, const struct watch *watch) {
    epoll_ctl(loop, EPOLL_CTL_DEL, watch->fd, NULL);
}

void loop_unwatch(int loop, struct watch *watch) {
    if (watch->fd < 0) return;
    /* A child that was forked meanwhile may share the descriptor, and then closing it would not end the
     * watch. */
    loop_ignore(loop, watch);
    fd_close(&watch->fd);
}

int loop_once(int loop, struct warden *w, int timeout_ms, struct failure *f) {
    /* One at a time: handling an event may free what the next event of a batch points to. */
    struct epoll_event event;
    int count = epoll_wait(loop, &event, 1, timeout_ms);
    if (count < 0 && errno != EINTR) return fail(f, "wait for events", "epoll_wait");
    if (count == 1) {
        struct watch *watch = event.data.ptr;
        watch->ready(w, watch, event.events);
    }
    return 0;
}
