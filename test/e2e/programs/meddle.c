/* Tries to change the network of the sandbox that it runs in, and says for each try what it came to: done, or
 * the number of the error. */
#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static void say(const char *what, int result) {
    printf("%s %s\n", what, result < 0 ? strerrorname_np(errno) : "done");
}

/* The answer of the kernel, which tells what became of it. */
static int ask(unsigned short type, unsigned char family) {
    struct {
        struct nlmsghdr header;
        struct rtmsg route;
    } request = {{sizeof request, type, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE, 1, 0},
                 {.rtm_family = family, .rtm_table = RT_TABLE_MAIN, .rtm_type = RTN_LOCAL}};
    struct {
        struct nlmsghdr header;
        struct nlmsgerr error;
        char rest[256];
    } answer;
    int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
    if (fd < 0 || send(fd, &request, sizeof request, 0) < 0 || recv(fd, &answer, sizeof answer, 0) < 0)
        return -1;
    close(fd);
    errno = -answer.error.error;
    return answer.error.error == 0 ? 0 : -1;
}

static int transparent(int family, int level, int option) {
    int on = 1, fd = socket(family, SOCK_STREAM, 0);
    int result = fd < 0 ? -1 : setsockopt(fd, level, option, &on, sizeof on);
    close(fd);
    return result;
}

static int bind_to(const unsigned char *address, int port) {
    struct sockaddr_in place = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    memcpy(&place.sin_addr, address, 4);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    int result = bind(fd, (struct sockaddr *)&place, sizeof place);
    close(fd);
    return result;
}

static int take_down(void) {
    struct ifreq request = {.ifr_name = "lo"};
    return ioctl(socket(AF_INET, SOCK_DGRAM, 0), SIOCSIFFLAGS, &request);
}

int main(void) {
    say("add a route", ask(RTM_NEWROUTE, AF_INET));
    say("delete a route", ask(RTM_DELROUTE, AF_INET));
    say("delete a route of IPv6", ask(RTM_DELROUTE, AF_INET6));
    say("make a device", ask(RTM_NEWLINK, AF_UNSPEC));
    say("take loopback down", take_down());
    say("speak to nftables", socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER));
    say("open a raw socket", socket(AF_INET, SOCK_RAW, IPPROTO_TCP));
    say("open a packet socket", socket(AF_PACKET, SOCK_RAW, 0));
    say("be transparent", transparent(AF_INET, IPPROTO_IP, IP_TRANSPARENT));
    say("be transparent in IPv6", transparent(AF_INET6, IPPROTO_IPV6, IPV6_TRANSPARENT));
    say("have any address", bind_to((const unsigned char[]){8, 8, 8, 8}, 8080));
    say("listen for what goes out", bind_to((const unsigned char[]){0, 0, 0, 0}, 1));
    say("be the name server", bind_to((const unsigned char[]){127, 0, 0, 53}, 53));
    return 0;
}
