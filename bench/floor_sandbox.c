/* L3: the fork of L2 into a sandbox like an instance's, made from nothing and taken down again. One process,
 * one fork, nothing pooled, nothing asked of anybody; the locks are native/'s own. */
#include "caps.h"
#include "fds.h"
#include "floor.h"
#include "landlock.h"
#include "limits.h"
#include "net.h"
#include "proto.h"
#include "seccomp.h"
#include "syscalls.h"
#include "user.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

/* Between the blocks that servers claim from 0x40000000 upwards (native/user.c) and the end of a signed int.
 */
#define OWNER 0x7f000000u
/* All but the cgroup namespace, whose root is the group in which it is made. */
#define NAMESPACES                                                                                           \
    (CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET | CLONE_NEWTIME)

static void must(int result, const struct failure *f) {
    if (result >= 0) return;
    errno = f->err;
    floor_fail(f->step);
}

static void become_function(void) {
    floor_check(setgroups(0, NULL), "give up groups");
    floor_check(setresgid(PROTO_FUNCTION_UID, PROTO_FUNCTION_UID, PROTO_FUNCTION_UID), "become the group");
    floor_check(setresuid(PROTO_FUNCTION_UID, PROTO_FUNCTION_UID, PROTO_FUNCTION_UID), "become the user");
    floor_check(setsid(), "lead a session");
    umask(022);
}

static void close_locks(const struct floor_root *root) {
    struct failure f;
    cleanup_fd int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
    floor_check(unshare(CLONE_NEWCGROUP), "make a cgroup namespace");
    floor_check(sethostname("floor", 5), "set the hostname");
    must(user_limit_shared(proc, &f), &f);
    must(net_loopback_up(&f), &f);
    floor_root_enter(root);
    must(limits_apply(1024, &f), &f);
    must(caps_drop_bounding(&f), &f);
    become_function();
    must(caps_drop_all(&f), &f);
    floor_check(prctl(PR_SET_PDEATHSIG, SIGKILL), "die with the parent");
    floor_check(chdir("/app"), "enter /app");
    must(caps_no_new_privs(&f), &f);
    must(landlock_scope(&f), &f);
    must(seccomp_apply(FILTER_INSTANCE, &f), &f);
}

/* `talk` brings the word that the uids are mapped, and takes the word that it is done.
 */
static noreturn void be_child(const struct floor_root *root, int talk) {
    char byte;
    if (read(talk, &byte, 1) != 1) floor_fail("hear from the parent");
    floor_cgroups_join();
    close_locks(root);
    floor_memory_touch();
    if (write(talk, "x", 1) != 1) floor_fail("tell the parent");
    /* Until the parent lets go. */
    if (read(talk, &byte, 1) < 0) floor_fail("hear from the parent");
    _exit(0);
}

static pid_t make_child(int *talk) {
    struct failure f;
    struct floor_root root;
    int ends[2];
    floor_cgroups_create();
    floor_root_build(&root, OWNER);
    floor_check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), "make a socket pair");
    struct clone_args args = {.flags = NAMESPACES, .exit_signal = SIGCHLD};
    if (floor_cgroups_v2() >= 0) {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = (uint64_t)floor_cgroups_v2();
    }
    pid_t child = floor_check(sys_clone3(&args), "fork into namespaces");
    if (child == 0) {
        close(ends[0]);
        be_child(&root, ends[1]);
    }
    close(ends[1]);
    floor_root_close(&root);
    must(user_map(child, OWNER, &f), &f);
    char byte = 'x';
    if (write(ends[0], &byte, 1) != 1 || read(ends[0], &byte, 1) != 1) floor_fail("hear from the child");
    *talk = ends[0];
    return child;
}

void floor_sandbox(struct floor_time *spent) {
    int talk;
    floor_start(spent);
    pid_t child = make_child(&talk);
    floor_ready(spent);
    close(talk);
    floor_reap(child);
    floor_cgroups_destroy();
    floor_stop(spent);
}

void floor_sandbox_hold(void) {
    int talk;
    pid_t child = make_child(&talk);
    printf("{\"floor\":\"hold\",\"pid\":%d}\n", child);
    while (getchar() != '\n')
        continue;
    close(talk);
    floor_reap(child);
    floor_cgroups_destroy();
}
