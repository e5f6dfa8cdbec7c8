/* L5: a byte to another process and back over a unix stream, both asleep before it comes. What a request and
 * its answer cost between two processes, whatever they say to each other. */
#include "floor.h"

#include <sys/socket.h>
#include <unistd.h>

static void echo(int socket) {
    char byte;
    while (read(socket, &byte, 1) == 1)
        if (write(socket, &byte, 1) != 1) _exit(1);
    _exit(0);
}

void floor_round_trip(struct floor_time *spent) {
    int ends[2];
    struct floor_time whole;
    floor_check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), "make a socket pair");
    floor_memory_keep_out_of_forks(true);
    floor_start(&whole);
    pid_t child = floor_check(fork(), "fork");
    if (child == 0) {
        close(ends[0]);
        echo(ends[1]);
    }
    close(ends[1]);
    char byte = 'x';
    /* The first trip waits for the fork. */
    for (int trip = -1; trip < FLOOR_TRIPS; trip++) {
        if (trip == 0) floor_start(spent);
        if (write(ends[0], &byte, 1) != 1 || read(ends[0], &byte, 1) != 1) floor_fail("send a byte");
    }
    floor_stop(spent);
    close(ends[0]);
    floor_reap(child);
    floor_stop(&whole);
    floor_memory_keep_out_of_forks(false);
    spent->wall_ns /= FLOOR_TRIPS;
    spent->ready_ns /= FLOOR_TRIPS;
    /* The child's time is known once it is reaped; the fork drowns in so many trips. */
    spent->cpu_ns = whole.cpu_ns / FLOOR_TRIPS;
}
