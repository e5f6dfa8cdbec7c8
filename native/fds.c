/* What a process takes through exec, and nothing else. Runs in every process that is about to exec; fd_close
 * everywhere, fds_receive in the warden's helpers. */
#include "fds.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MOST_KEPT 16

void fd_close(int *fd) {
    int saved = errno;

    if (*fd >= 0) close(*fd);
    *fd = -1;
    errno = saved;
}

int fds_receive(int socket, void *data, size_t size, int *fds, int most) {
    union {
        struct cmsghdr header; /* for its alignment */
        char bytes[CMSG_SPACE(MOST_KEPT * sizeof(int))];
    } control;
    struct iovec room = {.iov_base = data, .iov_len = size};
    struct msghdr message = {.msg_iov = &room,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    ssize_t length;
    do {
        length = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    } while (length < 0 && errno == EINTR);
    struct cmsghdr *header = length < 0 ? NULL : CMSG_FIRSTHDR(&message);
    if (header == NULL || header->cmsg_type != SCM_RIGHTS) return -1;
    int taken[MOST_KEPT], count = (int)((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
    memcpy(taken, CMSG_DATA(header), (size_t)count * sizeof(int));
    if (length == (ssize_t)size && count <= most && !(message.msg_flags & (MSG_CTRUNC | MSG_TRUNC))) {
        memcpy(fds, taken, (size_t)count * sizeof(int));
        return count;
    }
    for (int i = 0; i < count; i++)
        fd_close(&taken[i]);
    return -1;
}

/* First every wanted descriptor is copied above the places to be filled, so that filling place i can never
 * overwrite the source of place j. */
static int copy_out_of_the_way(const int *wanted, int count, int *copies, struct failure *f) {
    for (int i = 0; i < count; i++) {
        copies[i] = fcntl(wanted[i], F_DUPFD_CLOEXEC, count);
        if (copies[i] < 0) return fail(f, "keep descriptor", "%d, wanted as %d", wanted[i], i);
    }
    return 0;
}

int fds_keep_only(const int *wanted, int count, struct failure *f) {
    int copies[MOST_KEPT];

    if (count < 0 || count > MOST_KEPT) {
        errno = EINVAL;
        return fail(f, "keep descriptors", "%d of them, wanted 0 to %d", count, MOST_KEPT);
    }
    if (copy_out_of_the_way(wanted, count, copies, f) < 0) return -1;
    for (int i = 0; i < count; i++)
        if (dup2(copies[i], i) < 0) return fail(f, "place descriptor", "%d as %d", wanted[i], i);
    if (syscall(SYS_close_range, (unsigned)count, ~0U, 0) < 0)
        return fail(f, "close descriptors", "from %d on", count);
    return 0;
}
