/* Sends packets of every kind down a lane and prints what tsfn_lane_receive makes of each, and how many
 * descriptors are open afterwards in comparison with before. lane.test.ts runs it. */
#include "libtsfn.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define MOST_SENT 64

static int open_descriptors(void) {
    DIR *directory = opendir("/proc/self/fd");
    int count = 0;

    while (readdir(directory) != NULL)
        count++;
    closedir(directory);
    return count;
}

static void send_packet(int socket, const void *bytes, size_t length, int descriptors) {
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(MOST_SENT * sizeof(int))];
    } control = {0};
    struct iovec data = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = length};
    struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1};

    if (descriptors > 0) {
        message.msg_control = control.space;
        message.msg_controllen = CMSG_SPACE((size_t)descriptors * sizeof(int));
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN((size_t)descriptors * sizeof(int));
        for (int i = 0; i < descriptors; i++)
            memcpy(CMSG_DATA(header) + (size_t)i * sizeof(int), &socket, sizeof(int));
    }
    if (sendmsg(socket, &message, 0) < 0) perror("sendmsg");
}

static void receive(const char *name, int lane, int max) {
    uint32_t request = 0;
    int fds[MOST_SENT];
    int before = open_descriptors();

    int count = tsfn_lane_receive(lane, &request, fds, max);
    int leaked = open_descriptors() - before - (count > 0 ? count : 0);
    printf("%s: %s request %u leaked %d", name, count < 0 ? strerrorname_np(-count) : "ok", request, leaked);
    if (count >= 0) printf(" descriptors %d", count);
    for (int i = 0; i < count; i++) {
        if (!(fcntl(fds[i], F_GETFD) & FD_CLOEXEC)) printf(" inheritable");
        close(fds[i]);
    }
    printf("\n");
}

/* What this process may open from now on. */
static void leave_room_for(int descriptors) {
    int first = dup(STDOUT_FILENO);
    struct rlimit limit = {.rlim_cur = first + descriptors, .rlim_max = first + descriptors};

    close(first);
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0) perror("setrlimit");
}

int main(void) {
    int lane[2];
    uint32_t request = 7;
    char long_packet[32] = {0};

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, lane) < 0) return 1;
    receive("nothing", lane[1], 4);
    send_packet(lane[0], &request, sizeof request, 3);
    receive("three", lane[1], 4);
    send_packet(lane[0], &request, sizeof request, 0);
    receive("none", lane[1], 4);
    send_packet(lane[0], &request, sizeof request, 4);
    receive("four of three", lane[1], 3);
    send_packet(lane[0], &request, sizeof request, MOST_SENT);
    receive("sixty-four", lane[1], 4);
    send_packet(lane[0], &request, 2, 2);
    receive("short", lane[1], 4);
    send_packet(lane[0], long_packet, sizeof long_packet, 2);
    receive("long", lane[1], 4);
    send_packet(lane[0], &request, sizeof request, 3);
    leave_room_for(2);
    receive("two of three", lane[1], 4);
    close(lane[0]);
    receive("closed", lane[1], 4);
    receive("no socket", 1000, 4);
    return 0;
}
