/* The fork channel between the warden and a zygote (ZYGOTE_CHANNEL_FD there, SOCK_SEQPACKET), and the status
 * socket of one fork. Both ends are of one build, so that the structs are the format.
 *
 * Each packet begins with its kind. One tells of the working set that a clone had: struct working_set, as
 * far as it is filled; what it has in common with those before, clones get from then on. One asks for a
 * clone: struct fork_request with the descriptors below. Over the status the clone sends a struct fork_report
 * when it is born and one when it is complete; it, or the zygote's helper, one when it fails. The warden
 * sends one byte once the root is in its place, or shuts its end down, and then the clone ends. Everyone but
 * the warden closes the status when done with it, so its end is the moment when nobody is left who could
 * become a clone.
 */
#ifndef TSFN_ZYGOTE_H
#define TSFN_ZYGOTE_H

#include "cgroup.h"
#include "namespaces.h"
#include "proto.h"
#include <time.h>

#define ZYGOTE_CHANNEL_FD 4
/* The same number in everything that serves invocations. */
#define GUEST_TICKETS_FD 4

/* Where the packet's descriptors are: the namespaces in their order, then these, then the doors of the
 * clone's control groups. */
enum fork_fd { FORK_WIRE = NAMESPACE_COUNT, FORK_OUT, FORK_ERR, FORK_TICKETS, FORK_STATUS, FORK_DOORS };
#define FORK_MOST_FDS (FORK_DOORS + CGROUP_MOST_TREES)

enum packet_kind { PACKET_FORK, PACKET_WORKING_SET };

struct fork_request {
    enum packet_kind kind;
    uint32_t doors;
    uint32_t open_files;
    char hostname[PROTO_MAX_ID + 1];
};

/* Pages that a clone will copy, as whole pages of addresses. */
#define WORKING_SET_MOST 1024
struct working_set {
    enum packet_kind kind;
    uint32_t count;
    struct {
        uint64_t at, bytes;
    } ranges[WORKING_SET_MOST];
};

/* Moments of a start, in nanoseconds of CLOCK_MONOTONIC. */
enum fork_mark {
    MARK_TAKEN,   /* the zygote has the request */
    MARK_JOINED,  /* its helper is in the control groups */
    MARK_ENTERED, /* and in the namespaces */
    MARK_BORN,    /* the clone runs */
    MARK_FILLED,  /* its working set is there */
    MARK_ROOTED,  /* its root is there */
    MARK_PROC,    /* its /proc, too */
    MARK_LOCKED,  /* descriptors placed, every lock closed */
    MARK_LOOPED,  /* its event loop is its own */
    MARK_COUNT
};

enum fork_news {
    FORK_BORN,     /* the clone runs, in its control groups and namespaces but for its mounts */
    FORK_COMPLETE, /* it is about to return to JavaScript, with every lock closed */
    FORK_FAILED
};

struct fork_report {
    enum fork_news news;
    int err; /* of a failure, as are these */
    char step[48];
    char detail[192];
    uint64_t marks[MARK_COUNT];
};

static inline uint64_t fork_now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

#endif
