/* The maker of a sandbox: its loopback device. The kernel assigns the addresses when the device comes up. */
#include "net.h"
#include "fds.h"

#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

int net_loopback_up(struct failure *f) {
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
    cleanup_fd int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return fail(f, "bring loopback up", "socket");
    if (ioctl(fd, SIOCSIFFLAGS, &request) < 0) return fail(f, "bring loopback up", "lo");
    return 0;
}
