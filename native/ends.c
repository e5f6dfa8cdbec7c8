/* The warden: what connects a process in a sandbox with the world. */
#include "ends.h"
#include "fds.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static int open_pipe(int *reader, int *writer, uid_t owner, struct failure *f) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0) return fail(f, "make pipes", "pipe2");
    *reader = ends[0];
    *writer = ends[1];
    /* Whoever opens /dev/stdout opens the pipe anew, and then its owner counts. */
    if (fchown(*writer, owner, owner) < 0) return fail(f, "make pipes", "fchown");
    return 0;
}

static int open_socket(int *ours, int *theirs, int type, const char *what, struct failure *f) {
    int ends[2];
    if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends) < 0) return fail(f, "make sockets", "%s", what);
    *ours = ends[0];
    *theirs = ends[1];
    return 0;
}

/* Both read it, but each through an open file of its own: flags are the file's, and a process that made
 * tsfnd's blocking would hold it up for ever. */
static int open_tickets(int *ours, int *theirs, struct failure *f) {
    char path[32];
    int ends[2];
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0) return fail(f, "make tickets", "pipe2");
    *theirs = ends[0];
    snprintf(path, sizeof path, "/proc/self/fd/%d", ends[0]);
    *ours = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
    if (*ours < 0) fail(f, "make tickets", "%s", path);
    fd_close(&ends[1]);
    return *ours < 0 ? -1 : 0;
}

int status_open(int *ours, int *theirs, enum status_kind kind, struct failure *f) {
    int on = 1;
    if (kind == STATUS_PIPE) {
        if (open_pipe(ours, theirs, 0, f) < 0) return -1;
    } else if (open_socket(ours, theirs, SOCK_SEQPACKET, "status", f) < 0) {
        return -1;
    } else if (setsockopt(*ours, SOL_SOCKET, SO_PASSCRED, &on, sizeof on) < 0) {
        return fail(f, "make sockets", "status");
    }
    return fcntl(*ours, F_SETFL, O_NONBLOCK) < 0 ? fail(f, "make pipes", "status") : 0;
}

int ends_open(struct instance_ends *ours, struct guest_ends *theirs, uid_t owner, struct failure *f) {
    if (open_socket(&ours->wire, &theirs->wire, SOCK_STREAM, "wire", f) < 0) return -1;
    if (open_pipe(&ours->out, &theirs->out, owner, f) < 0) return -1;
    if (open_pipe(&ours->err, &theirs->err, owner, f) < 0) return -1;
    return open_tickets(&ours->tickets, &theirs->tickets, f);
}

void ends_close(struct instance_ends *ours) {
    fd_close(&ours->status);
    fd_close(&ours->wire);
    fd_close(&ours->out);
    fd_close(&ours->err);
    fd_close(&ours->tickets);
}

void guest_ends_close(struct guest_ends *theirs) {
    fd_close(&theirs->status);
    fd_close(&theirs->wire);
    fd_close(&theirs->out);
    fd_close(&theirs->err);
    fd_close(&theirs->tickets);
}
