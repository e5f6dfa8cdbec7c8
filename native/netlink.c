/* The warden and its trials: one batch of netlink messages, and the kernel's answers to it. */
#include "netlink.h"
#include "fds.h"

#include <arpa/inet.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void *grow(struct netlink *n, size_t size) {
    size_t padded = NLMSG_ALIGN(size);
    if (n->used + padded > sizeof n->bytes) abort();
    void *place = n->bytes + n->used;
    memset(place, 0, padded);
    n->used += padded;
    if (n->count > 0)
        ((struct nlmsghdr *)(void *)(n->bytes + n->message))->nlmsg_len = (uint32_t)(n->used - n->message);
    return place;
}

void netlink_begin(struct netlink *n, const char *what, uint16_t type, uint16_t flags, const void *head,
                   size_t size) {
    if (n->count == NETLINK_MOST_MESSAGES) abort();
    n->message = n->used;
    n->what[n->count++] = what;
    struct nlmsghdr *header = grow(n, sizeof *header);
    header->nlmsg_type = type;
    header->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | (what == NULL ? 0 : NLM_F_ACK) | flags);
    header->nlmsg_seq = n->count;
    memcpy(grow(n, size), head, size);
}

void netlink_put(struct netlink *n, uint16_t type, const void *data, size_t size) {
    struct nlattr *attribute = grow(n, NLA_HDRLEN + size);
    attribute->nla_type = type;
    attribute->nla_len = (uint16_t)(NLA_HDRLEN + size);
    memcpy((uint8_t *)attribute + NLA_HDRLEN, data, size);
}

void netlink_put_string(struct netlink *n, uint16_t type, const char *text) {
    netlink_put(n, type, text, strlen(text) + 1);
}

void netlink_put_u32(struct netlink *n, uint16_t type, uint32_t value) {
    netlink_put(n, type, &value, sizeof value);
}

void netlink_put_be32(struct netlink *n, uint16_t type, uint32_t value) {
    netlink_put_u32(n, type, htonl(value));
}

size_t netlink_enter(struct netlink *n, uint16_t type) {
    size_t at = n->used;
    netlink_put(n, (uint16_t)(type | NLA_F_NESTED), "", 0);
    return at;
}

void netlink_leave(struct netlink *n, size_t at) {
    ((struct nlattr *)(void *)(n->bytes + at))->nla_len = (uint16_t)(n->used - at);
}

/* The kernel has answered by the time that the batch is sent. */
static int read_answer(const struct netlink *n, int fd, struct failure *f) {
    union {
        struct nlmsghdr header;
        uint8_t bytes[NETLINK_MOST_BYTES];
    } answer;
    ssize_t count = recv(fd, &answer, sizeof answer, MSG_DONTWAIT);
    if (count < 0) return fail(f, "configure the network", "no answer of the kernel");
    const struct nlmsgerr *error = NLMSG_DATA(&answer.header);
    if (count < (ssize_t)NLMSG_LENGTH(sizeof error->error) || answer.header.nlmsg_type != NLMSG_ERROR) {
        errno = EPROTO;
        return fail(f, "configure the network", "an answer of type %u", answer.header.nlmsg_type);
    }
    if (error->error == 0) return 0;
    unsigned index = answer.header.nlmsg_seq - 1;
    errno = -error->error;
    return fail(f, "configure the network", "%s",
                index < n->count && n->what[index] != NULL ? n->what[index] : "the batch");
}

int netlink_send(const struct netlink *n, int protocol, struct failure *f) {
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    cleanup_fd int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
    if (fd < 0) return fail(f, "configure the network", "netlink protocol %d", protocol);
    if (sendto(fd, n->bytes, n->used, 0, (struct sockaddr *)&kernel, sizeof kernel) < 0)
        return fail(f, "configure the network", "send");
    for (unsigned i = 0; i < n->count; i++)
        if (n->what[i] != NULL && read_answer(n, fd, f) < 0) return -1;
    return 0;
}
