/* Stands in tsfnd's place: hands the two sockets it got from the warden to the test that listens at the path
 * in argv[1], then sleeps until the warden ends it. So the test itself is the warden's client. */
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int connect_to(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    strncpy(address.sun_path, path, sizeof address.sun_path - 1);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0) return -1;
    return fd;
}

int main(int argc, char **argv) {
    const int sockets[2] = {3, 4};
    uint32_t number = 0;
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof sockets)];
    } control = {0};
    struct iovec data = {.iov_base = &number, .iov_len = sizeof number};
    struct msghdr message = {.msg_iov = &data,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof sockets);
    memcpy(CMSG_DATA(header), sockets, sizeof sockets);

    int fd = argc == 2 ? connect_to(argv[1]) : -1;
    if (fd < 0 || sendmsg(fd, &message, 0) < 0) return 1;
    /* Only the test may hold them, so that the warden sees when the test lets go. */
    close(3);
    close(4);
    for (;;)
        pause();
}
