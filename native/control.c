/* The warden: bytes from and to tsfnd, without ever waiting for it. What the messages mean is requests.c. */
#include "control.h"
#include "fds.h"
#include "requests.h"
#include "warden.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* A peer that reads nothing of so much is not coming back. */
#define MOST_UNSENT (8u << 20)

static void end_connection(struct warden *w, const char *why) {
    if (why != NULL && !w->control.closed)
        fprintf(stderr, "warden: tsfnd broke the protocol: %s; everything is stopped\n", why);
    w->control.closed = true;
    loop_unwatch(w->loop, &w->control.stream);
}

static void flush(struct warden *w) {
    struct control *c = &w->control;
    while (c->out_sent < c->out.used) {
        ssize_t count =
            send(c->stream.fd, c->out.bytes + c->out_sent, c->out.used - c->out_sent, MSG_NOSIGNAL);
        if (count < 0 && errno == EAGAIN) break;
        if (count < 0) return end_connection(w, NULL);
        c->out_sent += (size_t)count;
    }
    if (c->out_sent == c->out.used) c->out.used = c->out_sent = 0;
    bool is_full = c->out.used > 0;
    if (is_full != c->is_full) loop_change(w->loop, &c->stream, EPOLLIN | (is_full ? (uint32_t)EPOLLOUT : 0));
    c->is_full = is_full;
}

/* A request starts with the number that its reply repeats. */
static void handle(struct warden *w, uint8_t *message, size_t length) {
    struct reader r = {.at = message, .end = message + length};
    uint16_t verb = read_u16(&r);
    uint16_t status = read_u16(&r);
    uint32_t request = read_u32(&r);
    if (r.bad || status != 0 || request == 0)
        return end_connection(w, "a message without a verb or a request number");
    if (requests_handle(w, verb, request, &r) < 0) end_connection(w, "a malformed or unknown request");
}

static void handle_complete(struct warden *w) {
    struct control *c = &w->control;
    size_t at = 0;
    while (!c->closed && c->in_used - at >= 4) {
        struct reader r = {.at = c->in + at, .end = c->in + c->in_used};
        uint32_t length = read_u32(&r);
        if (length > PROTO_MAX_MESSAGE) return end_connection(w, "a message is too long");
        if (c->in_used - at - 4 < length) break;
        handle(w, c->in + at + 4, length);
        at += 4 + length;
    }
    memmove(c->in, c->in + at, c->in_used - at);
    c->in_used -= at;
}

static void stream_ready(struct warden *w, struct watch *watch, uint32_t events) {
    struct control *c = &w->control;
    if (events & EPOLLOUT) flush(w);
    if (c->closed || !(events & (EPOLLIN | EPOLLHUP | EPOLLERR))) return;
    ssize_t count = recv(watch->fd, c->in + c->in_used, sizeof c->in - c->in_used, MSG_DONTWAIT);
    if (count < 0 && errno == EAGAIN) return;
    if (count <= 0) return end_connection(w, NULL);
    c->in_used += (size_t)count;
    handle_complete(w);
}

int control_open(struct control *c, int loop, int theirs[2], struct failure *f) {
    int stream[2], lane[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, stream) < 0 ||
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, lane) < 0)
        return fail(f, "open control sockets", "socketpair");
    c->stream = (struct watch){.fd = stream[0], .ready = stream_ready};
    c->lane = lane[0];
    theirs[0] = stream[1];
    theirs[1] = lane[1];
    if (fcntl(stream[0], F_SETFL, O_NONBLOCK) < 0) return fail(f, "open control sockets", "fcntl");
    return loop_watch(loop, &c->stream, EPOLLIN, f);
}

void control_close(struct warden *w) {
    end_connection(w, NULL);
}

static void send_message(struct warden *w, uint16_t verb, uint16_t status, uint32_t request,
                         const struct writer *body) {
    struct control *c = &w->control;
    if (c->closed) return;
    write_u32(&c->out, (uint32_t)(8 + body->used));
    write_u16(&c->out, verb);
    write_u16(&c->out, status);
    write_u32(&c->out, request);
    write_bytes(&c->out, body->bytes, body->used);
    if (c->out.failed || body->failed || c->out.used - c->out_sent > MOST_UNSENT)
        return end_connection(w, "it does not read its replies");
    flush(w);
}

void control_reply(struct warden *w, uint16_t verb, uint32_t request, const struct writer *body) {
    send_message(w, verb, 0, request, body);
}

void control_fail(struct warden *w, uint16_t verb, uint32_t request, const struct failure *failure) {
    cleanup_writer struct writer body = {0};
    write_failure(&body, failure);
    send_message(w, verb, 1, request, &body);
}

void control_event(struct warden *w, uint16_t verb, const struct writer *body) {
    send_message(w, verb, 0, 0, body);
}

int control_send_fds(struct warden *w, uint32_t request, const int *fds, int count, struct failure *f) {
    union {
        struct cmsghdr header; /* for its alignment */
        char bytes[CMSG_SPACE(8 * sizeof(int))];
    } control = {0};
    uint8_t number[4] = {(uint8_t)request, (uint8_t)(request >> 8), (uint8_t)(request >> 16),
                         (uint8_t)(request >> 24)};
    struct iovec data = {.iov_base = number, .iov_len = sizeof number};
    struct msghdr message = {.msg_iov = &data,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = CMSG_SPACE((size_t)count * sizeof(int))};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    *header = (struct cmsghdr){
        .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN((size_t)count * sizeof(int))};
    memcpy(CMSG_DATA(header), fds, (size_t)count * sizeof(int));
    if (sendmsg(w->control.lane, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
        return fail(f, "hand over descriptors", "request %u", request);
    return 0;
}
