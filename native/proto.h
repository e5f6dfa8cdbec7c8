/*
 * The protocol between tsfnd and the warden; runtime/warden/requests.ts is its other half and
 * test/architecture compares the two. tsfnd inherits two sockets: descriptor 3 is a stream that carries the
 * messages below, descriptor 4 is a SOCK_SEQPACKET lane that carries descriptors (SCM_RIGHTS) with the u32
 * number of the request they answer; they are sent before that request's reply.
 *
 * A message is   u32 length of what follows · u16 verb · u16 status · u32 request · body     (little endian).
 * In a body a string is u16 length + bytes (no NUL), a list is u16 count + items. A reply repeats verb and
 * request; status 0 is success, 1 is a failure whose body is: string step, u32 errno, string detail. Replies
 * may overtake one another: a destroy is answered when nothing is left. Events have request 0.
 */
#ifndef TSFN_PROTO_H
#define TSFN_PROTO_H

#define PROTO_CONTROL_FD 3
#define PROTO_LANE_FD 4

/* Requests, tsfnd to warden. Bodies: what is asked -> what is replied. */
#define PROTO_PROBE 1 /* nothing -> list of (string name, u8 ok, string detail) */
#define PROTO_SANDBOX_CREATE                                                                                 \
    2 /* string id, u8 kind, string hostname, list of string digest (topmost first; none: its                \
         root comes with PROTO_INSTANCE_FORK), u64 memory bytes, u64 cpu thousandths, u64                    \
         pids, u64 disk bytes, u64 disk inodes, u64 open files                                               \
         -> u32 uid base, u64 namespace inodes user mnt ipc uts net cgroup, list of string                   \
         cgroup path; lane, without layers: wire, stdout, stderr, tickets of whom it will be                 \
         forked into */
#define PROTO_INSTANCE_START                                                                                 \
    3                      /* string id, list of string argv, list of string NAME=value, string cwd          \
                              -> u32 pid, u64 pid namespace, u64 time namespace; lane: wire, stdout, stderr, tickets */
#define PROTO_LIMITS_SET 4 /* string id, u64 memory bytes, u64 cpu thousandths, u64 pids -> nothing */
#define PROTO_USAGE                                                                                          \
    5                   /* string id -> u64 cpu us, u64 memory, u64 memory peak, u64 pids, u64 oom kills,    \
                           u64 free inodes of the writable layer, 0 while there is none */
#define PROTO_KILL 6    /* string id -> nothing (an event tells when it is gone) */
#define PROTO_DESTROY 7 /* string id -> nothing, when nothing is left; success if there is no such id */
#define PROTO_LIST 8    /* nothing -> list of (string id, u32 pid or 0, u8 state) */
#define PROTO_INSTANCE_FORK                                                                                  \
    9 /* string id, string zygote's id, string hostname, list of string digest, u64 memory                   \
         bytes, u64 cpu thousandths, u64 pids, u64 disk bytes, u64 disk inodes, u64 open files               \
         -> u32 pid, u64 pid namespace, u64 time namespace, once the clone is born; PROTO_COMPLETE           \
         follows. What is written to its wire it reads when it is complete. */
#define PROTO_LAYER_RESET                                                                                    \
    10 /* string id -> nothing: the writable layer under the running instance is a new one. A                \
          working directory below / stays in the old one until the instance changes it. */

#define PROTO_WORKING_SET                                                                                    \
    11 /* string id -> nothing, once its zygote was told: what this clone has copied of its zygote's memory  \
          so far, its zygote's clones will get copied before they run. Fails when the clone ends before. */

#define PROTO_ZYGOTE_CLAIM                                                                                   \
    12 /* string id, string hostname, list of string digest, u64 memory bytes, u64 cpu thousandths, u64      \
          pids, u64 disk bytes, u64 disk inodes, u64 open files -> nothing: the sandbox of a running zygote  \
          has another root, hostname and limits. A working directory below / stays in the old root until     \
          the zygote changes it, and so does what it has mapped. Open files stay as many as at its start. */

#define PROTO_NETWORK_OPEN                                                                                   \
    13 /* string id -> nothing; lane: a listening socket that takes every connection out of the sandbox,     \
          whose local address is where it was to go; its name server's UDP socket, and its listening one.    \
          Once, for an instance's sandbox without a process. The network lasts as long as its namespace, and \
          the sockets keep that alive: whoever has them closes them when the sandbox is gone. */

/* What a fork's time went into, in order. The root is made in the warden while the clone is forked. */
#define PROTO_SPANS 11
#define PROTO_SPAN_ASK 0    /* warden: limits, descriptors, until the zygote is asked */
#define PROTO_SPAN_ROOT 1   /* warden: new writable layer, attached; beside the next four */
#define PROTO_SPAN_TAKE 2   /* until the zygote runs */
#define PROTO_SPAN_CGROUP 3 /* into the control groups */
#define PROTO_SPAN_SETNS 4  /* into the namespaces */
#define PROTO_SPAN_FORK 5   /* until the clone runs */
#define PROTO_SPAN_PAGES 6  /* its working set */
#define PROTO_SPAN_WAIT 7   /* the clone waits for its root */
#define PROTO_SPAN_PROC 8   /* its /proc */
#define PROTO_SPAN_LOCK 9   /* descriptors, limits, uid, capabilities, filter */
#define PROTO_SPAN_LOOP 10  /* event loop; then JavaScript runs */

/* PROTO_SANDBOX_CREATE kinds. A zygote's process may be forked by PROTO_INSTANCE_FORK; its descriptor 4 is
 * the channel for that. When it ends, its clones live on; when its sandbox is destroyed, they end with it. */
#define PROTO_KIND_INSTANCE 0
#define PROTO_KIND_ZYGOTE 1

/* Events, warden to tsfnd. */
#define PROTO_EXITED                                                                                         \
    64 /* string id, u32 pid, u8 by signal, u32 status or signal, u64 oom kills, u64 cpu us,                 \
          u64 memory peak: every process of the sandbox is gone; of a zygote's, the zygote is */
#define PROTO_COMPLETE                                                                                       \
    65 /* string id, u8 1, list of u32 microseconds (PROTO_SPANS of them): the clone's locks are closed, and \
          what it is to do may begin; or u8 0 and a failure as above: it is about to end, and nothing of the \
          function has run in it. Once, after a fork's reply and before PROTO_EXITED. */

/* PROTO_LIST states. */
#define PROTO_STATE_EMPTY 0
#define PROTO_STATE_RUNNING 1
#define PROTO_STATE_EXITED 2
#define PROTO_STATE_DESTROYING 3
#define PROTO_STATE_MAKING 4

/* Limits of requests. One past them ends the connection: the peer is broken or hostile. */
#define PROTO_MAX_MESSAGE 65536
#define PROTO_MAX_ID 64
#define PROTO_MAX_LAYERS 16
#define PROTO_MAX_ARGS 64
#define PROTO_MAX_ENV 256
#define PROTO_MAX_SANDBOXES 4096
#define PROTO_DIGEST_LENGTH 64

/* A sandbox owns this many host uids; inside it they are 0 … PROTO_UIDS - 1, and functions run as
 * PROTO_FUNCTION_UID. */
#define PROTO_UIDS 4096
#define PROTO_FUNCTION_UID 1000

/* The warden's own exit statuses; when tsfnd ends first, the warden exits with tsfnd's status. */
#define WARDEN_EXIT_USAGE 2
#define WARDEN_EXIT_NOT_ALLOWED 4
#define WARDEN_EXIT_IN_USE 6

#endif
