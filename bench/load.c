/* The load driver for latencies, a process of its own: keep-alive connections to a server on this machine,
 * calls either at a constant rate, whatever the server does (open loop), or each as soon as the last is
 * answered (--rate 0). Prints one line for each call, in nanoseconds: when it was due, on the monotonic
 * clock; how long it then waited for a free connection; how long its answer took; and whether it was a cold
 * start. Who waits is part of the latency: leaving that out is the coordinated omission that makes a server
 * that stalls look fast. */
#include "client.h"

#include <getopt.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>

enum { most_connections = 1024, answer_bytes = 1 << 16 };

/* No answer for so long is an error, not a latency. */
static const int64_t patience_ns = 60 * second_ns;
/* What a sleep may be late by. So long before a call is due the driver stops sleeping and looks. */
static const int64_t awake_ns = 80000;

struct call {
    int64_t due_ns, sent_ns, answered_ns;
    bool cold;
};

struct connection {
    int fd;
    bool busy;
    size_t call; /* its place in calls */
    size_t received;
    char answer[answer_bytes + 1];
};

static struct {
    const char *path;
    int port, connections;
    double rate, seconds;
} options = {.path = "/", .connections = 1, .seconds = 1};

static struct {
    struct call *list;
    size_t sent, answered, room;
} calls;

static struct connection *connections;
static char request[4096];
static size_t request_bytes;
static int events;

static noreturn void fail_answer(const char *why, const struct connection *connection) {
    fprintf(stderr, "load: call %zu: %s:\n%.600s\n", connection->call, why, connection->answer);
    exit(1);
}

static void open_connection(struct connection *connection) {
    connection->fd = connect_to(options.port);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    check(epoll_ctl(events, EPOLL_CTL_ADD, connection->fd, &event), "watch a connection");
}

static void send_call(struct connection *connection, int64_t due, int64_t now) {
    if (calls.sent == calls.room) {
        calls.room = calls.room == 0 ? 1 << 16 : calls.room * 2;
        calls.list = realloc(calls.list, calls.room * sizeof *calls.list);
        if (calls.list == NULL) fail("remember the calls");
    }
    connection->busy = true;
    connection->received = 0;
    connection->call = calls.sent++;
    calls.list[connection->call] = (struct call){.due_ns = due, .sent_ns = now};
    ssize_t sent = send(connection->fd, request, request_bytes, MSG_NOSIGNAL);
    if (sent != (ssize_t)request_bytes) fail("send a request");
}

/* How the two kinds of body end that a server of HTTP/1.1 sends on a connection that stays open. */
static bool is_complete(const struct connection *connection) {
    const char *body = strstr(connection->answer, "\r\n\r\n");
    if (body == NULL) return false;
    body += 4;
    const char *length = strcasestr(connection->answer, "\r\ncontent-length:");
    if (length != NULL && length < body)
        return connection->received >= (size_t)(body - connection->answer) + strtoul(length + 17, NULL, 10);
    const char *chunked = strcasestr(connection->answer, "\r\ntransfer-encoding: chunked");
    if (chunked == NULL || chunked > body) fail_answer("has neither a length nor chunks", connection);
    return strcmp(connection->answer + connection->received - 5, "0\r\n\r\n") == 0;
}

static void receive(struct connection *connection) {
    ssize_t count = recv(connection->fd, connection->answer + connection->received,
                         answer_bytes - connection->received, 0);
    int64_t now = now_ns();
    if (count < 0) fail("receive an answer");
    connection->received += (size_t)count;
    connection->answer[connection->received] = '\0';
    if (count == 0 || !connection->busy) fail_answer("the connection ended in the middle", connection);
    if (!is_complete(connection)) {
        if (connection->received == answer_bytes) fail_answer("is too long", connection);
        return;
    }
    if (strncmp(connection->answer, "HTTP/1.1 200 ", 13) != 0) fail_answer("wanted status 200", connection);
    struct call *call = &calls.list[connection->call];
    call->answered_ns = now;
    call->cold = strcasestr(connection->answer, "\r\nx-tsfn-cold: 1") != NULL;
    connection->busy = false;
    calls.answered++;
}

static struct connection *free_connection(void) {
    for (int index = 0; index < options.connections; index++)
        if (!connections[index].busy) return &connections[index];
    return NULL;
}

/* Sends what is due, and tells how long there is nothing more to send; -1: until an answer comes. */
static int64_t send_due(int64_t started, int64_t end) {
    const int64_t interval = options.rate > 0 ? (int64_t)((double)second_ns / options.rate) : 0;
    for (;;) {
        int64_t now = now_ns();
        int64_t due = interval > 0 ? started + (int64_t)calls.sent * interval : now;
        struct connection *connection = free_connection();
        if (due >= end || connection == NULL) return -1;
        if (due > now) return due - now;
        send_call(connection, due, now);
    }
}

static void run(void) {
    const int64_t started = now_ns();
    const int64_t end = started + (int64_t)(options.seconds * (double)second_ns);
    for (;;) {
        int64_t wait_ns = send_due(started, end);
        if (wait_ns < 0 && calls.answered == calls.sent) return;
        int64_t sleep_ns = wait_ns < 0 ? patience_ns : wait_ns > awake_ns ? wait_ns - awake_ns : 0;
        struct timespec wait = {.tv_sec = sleep_ns / second_ns, .tv_nsec = sleep_ns % second_ns};
        struct epoll_event ready[64];
        int count = check(epoll_pwait2(events, ready, 64, &wait, NULL), "wait for answers");
        if (count == 0 && wait_ns < 0) {
            fprintf(stderr, "load: %zu of %zu calls had no answer in %d s\n", calls.sent - calls.answered,
                    calls.sent, (int)(patience_ns / second_ns));
            exit(1);
        }
        for (int index = 0; index < count; index++)
            receive(ready[index].data.ptr);
    }
}

static void parse(int argc, char **argv) {
    static const struct option known[] = {
        {"port", required_argument, NULL, 'p'},        {"path", required_argument, NULL, 'u'},
        {"connections", required_argument, NULL, 'c'}, {"rate", required_argument, NULL, 'r'},
        {"seconds", required_argument, NULL, 's'},     {NULL, 0, NULL, 0}};
    for (int which; (which = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        if (which == 'p') options.port = atoi(optarg);
        if (which == 'u') options.path = optarg;
        if (which == 'c') options.connections = atoi(optarg);
        if (which == 'r') options.rate = atof(optarg);
        if (which == 's') options.seconds = atof(optarg);
        if (which == '?') exit(2);
    }
    if (options.port > 0 && options.connections > 0 && options.connections <= most_connections &&
        options.rate >= 0 && options.seconds > 0)
        return;
    fprintf(stderr, "load: wanted --port, --connections from 1 to %d, --rate from 0, --seconds above 0\n",
            most_connections);
    exit(2);
}

int main(int argc, char **argv) {
    parse(argc, argv);
    /* Sleeps end when they should, not up to 50 µs later. */
    check(prctl(PR_SET_TIMERSLACK, 1), "set the timer slack");
    /* At a rate it stands for callers on other machines, who need not wait for a processor of this one. */
    if (options.rate > 0)
        check(sched_setscheduler(0, SCHED_FIFO, &(struct sched_param){.sched_priority = 1}),
              "become the first to run");
    int length =
        snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", options.path);
    if (length >= (int)sizeof request) fail("make a request");
    request_bytes = (size_t)length;
    events = check(epoll_create1(EPOLL_CLOEXEC), "watch connections");
    connections = calloc((size_t)options.connections, sizeof *connections);
    if (connections == NULL) fail("remember the connections");
    for (int index = 0; index < options.connections; index++)
        open_connection(&connections[index]);
    run();
    for (size_t index = 0; index < calls.answered; index++) {
        const struct call *call = &calls.list[index];
        printf("%lld %lld %lld %d\n", (long long)call->due_ns, (long long)(call->sent_ns - call->due_ns),
               (long long)(call->answered_ns - call->sent_ns), call->cold);
    }
    return 0;
}
