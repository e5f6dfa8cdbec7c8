/* First process of a VM's guest: mounts what Node looks at, loads the modules that a network card needs,
 * gives the card its address and becomes the server. Static, because the initramfs has it before anything
 * else. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The kernel panics when its first process ends, and QEMU ends with it (panic=-1, -no-reboot). */
static void check(int result, const char *what) {
    if (result >= 0) return;
    perror(what);
    exit(1);
}

static void load_modules(void) {
    char line[64], path[96];
    FILE *list = fopen("/modules/modules", "re");
    check(list == NULL ? -1 : 0, "/modules/modules");
    while (fgets(line, sizeof line, list) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        snprintf(path, sizeof path, "/modules/%s.ko", line);
        int file = open(path, O_RDONLY | O_CLOEXEC);
        check(file, path);
        check((int)syscall(SYS_finit_module, file, "", 0), path);
        close(file);
    }
    fclose(list);
}

static void bring_up(const char *name, const char *address, const char *mask) {
    struct ifreq request = {0};
    struct sockaddr_in at = {.sin_family = AF_INET};
    int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    check(s, "make a socket");
    strncpy(request.ifr_name, name, IFNAMSIZ - 1);
    inet_pton(AF_INET, address, &at.sin_addr);
    memcpy(&request.ifr_addr, &at, sizeof at);
    check(ioctl(s, SIOCSIFADDR, &request), address);
    inet_pton(AF_INET, mask, &at.sin_addr);
    memcpy(&request.ifr_netmask, &at, sizeof at);
    check(ioctl(s, SIOCSIFNETMASK, &request), mask);
    check(ioctl(s, SIOCGIFFLAGS, &request), name);
    request.ifr_flags |= IFF_UP;
    check(ioctl(s, SIOCSIFFLAGS, &request), name);
    close(s);
}

int main(void) {
    check(mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, ""), "/proc");
    check(mount("dev", "/dev", "devtmpfs", MS_NOSUID, ""), "/dev");
    load_modules();
    bring_up("lo", "127.0.0.1", "255.0.0.0");
    bring_up("eth0", "10.0.2.15", "255.255.255.0");
    check(chdir("/app"), "/app");
    char *argv[] = {"/usr/local/bin/node", "server.mjs", "index.mjs", "0.0.0.0:8080", NULL};
    char *envp[] = {"PATH=/usr/local/bin:/usr/bin:/bin", "GREETING=Hello", NULL};
    check(execve(argv[0], argv, envp), argv[0]);
}
