/* What runs on Node's main thread without blocking it: in tsfnd, and in a guest. zygote.c has the one call
 * that does block. */
#include "libtsfn.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* More than any answer carries, so that only a broken warden is ever truncated. The kernel's own limit is
 * 253. */
#define MOST_IN_PACKET 16

struct packet {
    uint32_t request;
    int fds[MOST_IN_PACKET];
    int count;
};

static void close_all(const struct packet *packet) {
    for (int i = 0; i < packet->count; i++)
        close(packet->fds[i]);
}

static void take_descriptors(struct msghdr *message, struct packet *packet) {
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c != NULL; c = CMSG_NXTHDR(message, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
        size_t bytes = c->cmsg_len - CMSG_LEN(0);
        memcpy(packet->fds, CMSG_DATA(c), bytes);
        packet->count = (int)(bytes / sizeof(int));
    }
}

/* The descriptors of a truncated packet are open already, so they are taken before anything is judged. */
static int receive(int lane_fd, struct packet *packet) {
    union {
        struct cmsghdr header; /* for its alignment */
        char bytes[CMSG_SPACE(MOST_IN_PACKET * sizeof(int))];
    } control;
    struct iovec data = {.iov_base = &packet->request, .iov_len = sizeof packet->request};
    struct msghdr message = {.msg_iov = &data,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};

    ssize_t length = recvmsg(lane_fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (length < 0) return -errno;
    take_descriptors(&message, packet);
    bool is_truncated = message.msg_flags & MSG_CTRUNC;
    if (is_truncated && packet->count == MOST_IN_PACKET) return -EMSGSIZE;
    if (length == 0 && packet->count == 0) return -EPIPE;
    if (length != sizeof packet->request || message.msg_flags & MSG_TRUNC) return -EPROTO;
    /* There was room in the message: the kernel found no number for the next one (net/core/scm.c,
     * scm_detach_fds). */
    return is_truncated ? -EMFILE : 0;
}

int tsfn_lane_receive(int lane_fd, uint32_t *request, int *fds, int max) {
    struct packet packet = {.count = 0};

    int result = receive(lane_fd, &packet);
    if (result == 0 && packet.count > max) result = -EMSGSIZE;
    if (result == 0 || result == -EMFILE) *request = packet.request;
    if (result < 0) {
        close_all(&packet);
        return result;
    }
    memcpy(fds, packet.fds, (size_t)packet.count * sizeof(int));
    return packet.count;
}

int tsfn_take_byte(int fd) {
    char byte;
    ssize_t count = read(fd, &byte, sizeof byte);
    return count >= 0 ? (int)count : errno == EAGAIN ? 0 : -errno;
}

int tsfn_socketpair(int *fds) {
    return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0 ? -errno : 0;
}
