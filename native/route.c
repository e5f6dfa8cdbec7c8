/* What the kernel would do with a destination. Runs in tsfnd, on the thread that connects for functions. */
#include "libtsfn.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/rtnetlink.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MOST_ADDRESS 16

struct question {
    struct nlmsghdr header;
    struct rtmsg route;
    struct rtattr destination;
    uint8_t address[MOST_ADDRESS];
};

/* Longer answers end in attributes that nobody looks at. */
struct answer {
    struct nlmsghdr header;
    union {
        struct rtmsg route;
        struct nlmsgerr error;
        char rest[1024];
    };
};

/* The lookup of a connect(2) without a source: rtnetlink(7), RTM_GETROUTE. */
static int ask(int fd, struct question *question, size_t size, struct answer *answer) {
    size_t length = offsetof(struct question, address) + size;

    question->header.nlmsg_len = (uint32_t)length;
    question->header.nlmsg_type = RTM_GETROUTE;
    question->header.nlmsg_flags = NLM_F_REQUEST;
    question->route.rtm_dst_len = (uint8_t)(size * 8);
    question->destination.rta_type = RTA_DST;
    question->destination.rta_len = (uint16_t)RTA_LENGTH(size);
    if (send(fd, question, length, 0) < 0) return -errno;
    ssize_t got = recv(fd, answer, sizeof *answer, 0);
    if (got < 0) return -errno;
    return got < (ssize_t)NLMSG_LENGTH(sizeof answer->route) ? -EPROTO : 0;
}

int tsfn_is_local(const char *address) {
    struct question question = {.route = {.rtm_family = strchr(address, ':') == NULL ? AF_INET : AF_INET6}};
    struct answer answer = {0};
    size_t size = question.route.rtm_family == AF_INET ? 4 : MOST_ADDRESS;

    if (inet_pton(question.route.rtm_family, address, question.address) != 1) return -EINVAL;
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (fd < 0) return -errno;
    int result = ask(fd, &question, size, &answer);
    close(fd);
    if (result < 0) return result;
    /* No route: nothing that connects gets anywhere. */
    if (answer.header.nlmsg_type == NLMSG_ERROR) return 0;
    if (answer.header.nlmsg_type != RTM_NEWROUTE) return -EPROTO;
    return answer.route.rtm_type == RTN_LOCAL;
}
