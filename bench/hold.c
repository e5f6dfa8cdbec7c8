/* The load driver for bursts, a process of its own: many calls at the same time over connections that are
 * open before, held until its stdin ends. Says "open" when all connections are, begins with the first byte on
 * stdin, and prints the moment of the first call, then the moment of each answer's first byte, in nanoseconds
 * on the monotonic clock, once all have the first byte of their body. */
#include "client.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { answer_bytes = 4096, patience_ms = 120000 };

struct connection {
    int fd;
    int64_t first_byte_ns;
    bool is_answered;
    size_t received;
    char answer[answer_bytes + 1];
};

static noreturn void fail_answer(const char *why, const struct connection *connection) {
    fprintf(stderr, "hold: an answer %s:\n%s\n", why, connection->answer);
    exit(1);
}

/* Each of them is a descriptor. */
static void allow_connections(void) {
    struct rlimit limit;
    check(getrlimit(RLIMIT_NOFILE, &limit), "read the limit of open files");
    limit.rlim_cur = limit.rlim_max;
    check(setrlimit(RLIMIT_NOFILE, &limit), "raise the limit of open files");
}

/* Whether there is a byte of it, of whichever kind it is. */
static bool has_body(const struct connection *connection) {
    const char *body = strstr(connection->answer, "\r\n\r\n");
    if (body == NULL) return false;
    const char *chunked = strcasestr(connection->answer, "\r\ntransfer-encoding: chunked");
    if (chunked != NULL && chunked < body) {
        const char *size_end = strstr(body + 4, "\r\n");
        if (size_end == NULL) return false;
        return size_end[2] != '\0';
    }
    return body[4] != '\0';
}

/* True when that was the last that was to come. */
static bool receive(struct connection *connection) {
    ssize_t count = recv(connection->fd, connection->answer + connection->received,
                         answer_bytes - connection->received, 0);
    if (connection->received == 0) connection->first_byte_ns = now_ns();
    if (count < 0) fail("receive an answer");
    if (count == 0) fail_answer("was cut off", connection);
    connection->received += (size_t)count;
    connection->answer[connection->received] = '\0';
    static const char ok[] = "HTTP/1.1 200 ";
    size_t known = connection->received < sizeof ok - 1 ? connection->received : sizeof ok - 1;
    if (memcmp(connection->answer, ok, known) != 0) fail_answer("has another status than 200", connection);
    connection->is_answered = has_body(connection);
    if (!connection->is_answered && connection->received == answer_bytes)
        fail_answer("has too long a head", connection);
    return connection->is_answered;
}

static void call_all(struct connection *connections, int count, const char *path) {
    char request[4096];
    int length = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path);
    if (length >= (int)sizeof request) fail("make a request");
    for (int index = 0; index < count; index++)
        if (send(connections[index].fd, request, (size_t)length, MSG_NOSIGNAL) != length)
            fail("send a request");
}

static void await_all(int events, int count) {
    int answered = 0;
    while (answered < count) {
        struct epoll_event ready[64];
        int some = check(epoll_wait(events, ready, 64, patience_ms), "wait for answers");
        if (some == 0) {
            fprintf(stderr, "hold: %d of %d calls had no answer in %d s\n", count - answered, count,
                    patience_ms / 1000);
            exit(1);
        }
        for (int index = 0; index < some; index++) {
            struct connection *connection = ready[index].data.ptr;
            if (!receive(connection)) continue;
            answered++;
            check(epoll_ctl(events, EPOLL_CTL_DEL, connection->fd, NULL), "watch a connection no more");
        }
    }
}

int main(int argc, char **argv) {
    int port = argc == 4 ? atoi(argv[1]) : 0, count = argc == 4 ? atoi(argv[3]) : 0;
    if (port <= 0 || count <= 0) {
        fprintf(stderr, "hold: wanted a port, a path and the number of calls\n");
        return 2;
    }
    allow_connections();
    struct connection *connections = calloc((size_t)count, sizeof *connections);
    if (connections == NULL) fail("remember the connections");
    int events = check(epoll_create1(EPOLL_CLOEXEC), "watch connections");
    for (int index = 0; index < count; index++) {
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &connections[index]};
        connections[index].fd = connect_to(port);
        check(epoll_ctl(events, EPOLL_CTL_ADD, connections[index].fd, &event), "watch a connection");
    }
    puts("open");
    fflush(stdout);
    char byte;
    if (read(0, &byte, 1) != 1) return 0;
    printf("%lld\n", (long long)now_ns());
    call_all(connections, count, argv[2]);
    await_all(events, count);
    for (int index = 0; index < count; index++)
        printf("%lld\n", (long long)connections[index].first_byte_ns);
    fflush(stdout);
    while (read(0, &byte, 1) > 0)
        ;
    return 0;
}
