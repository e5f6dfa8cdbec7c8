/* Compiles filter_list.h with libseccomp to files of struct sock_filter: filter_gen DIR writes
 * DIR/<role>.<architecture>.bpf for each role. Runs on a developer's machine (make filters), never in tsfn.
 */
#include <asm/termbits.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/netlink.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <asm/ioctls.h>

#define ANY_PROTOCOL (-1)
#define ALL_BITS UINT64_MAX
/* Past the last protocol and family of SOCKET lines one comparison refuses all. */
#define LAST_PROTOCOL IPPROTO_ICMPV6
#define LAST_FAMILY AF_NETLINK

enum kind {
    KIND_ALLOW,
    KIND_ALLOW_IF,
    KIND_REFUSE,
    KIND_REFUSE_IF,
    KIND_ABSENT,
    KIND_SOCKET,
    KIND_SOCKETPAIR,
    KIND_FORK,
    KIND_FORK_IF
};

struct rule {
    enum kind kind;
    const char *call;
    unsigned argument;
    uint64_t mask;
    uint64_t value;
    uint16_t error;
    int family;
    int protocol;
};

#define ALLOW(name) {.kind = KIND_ALLOW, .call = #name},
#define ALLOW_IF(name, a, m, v) {.kind = KIND_ALLOW_IF, .call = #name, .argument = a, .mask = m, .value = v},
#define REFUSE(name, e) {.kind = KIND_REFUSE, .call = #name, .error = e},
#define REFUSE_IF(name, a, m, v, e)                                                                          \
    {.kind = KIND_REFUSE_IF, .call = #name, .argument = a, .mask = m, .value = v, .error = e},
#define ABSENT(name) {.kind = KIND_ABSENT, .call = #name},
#define SOCKET(f, p) {.kind = KIND_SOCKET, .call = "socket", .family = f, .protocol = p},
#define SOCKETPAIR(f) {.kind = KIND_SOCKETPAIR, .call = "socketpair", .family = f},
#define FORK(name) {.kind = KIND_FORK, .call = #name},
#define FORK_IF(name, a, m, v) {.kind = KIND_FORK_IF, .call = #name, .argument = a, .mask = m, .value = v},

static const struct rule rules[] = {
#include "filter_list.h"
};
#define RULES (sizeof rules / sizeof rules[0])

/* Whose filter: the zygote's has the FORK lines too. A clone's is put on top of its zygote's and takes back
 * just those, because what a filter costs at each start is its length. */
enum role { ROLE_INSTANCE, ROLE_ZYGOTE, ROLE_CLONE };

static const char *const roles[] = {
    [ROLE_INSTANCE] = "instance", [ROLE_ZYGOTE] = "zygote", [ROLE_CLONE] = "clone"};

struct target {
    const char *name;
    uint32_t arch;
};

static const struct target targets[] = {
    {"x86_64", SCMP_ARCH_X86_64},
    {"aarch64", SCMP_ARCH_AARCH64},
};

static void check(int result, const char *what, const char *on) {
    if (result >= 0) return;
    fprintf(stderr, "filter_gen: %s %s: %s\n", what, on, strerror(-result));
    exit(1);
}

/* Does this architecture have the call? aarch64 lacks open, fork and their like. A name that none has is a
 * slip of the pen. */
static bool has_call(uint32_t arch, const char *call) {
    if (seccomp_syscall_resolve_name(call) == __NR_SCMP_ERROR) {
        fprintf(stderr, "filter_gen: libseccomp knows no system call %s; a newer one may\n", call);
        exit(1);
    }
    return seccomp_syscall_resolve_name_arch(arch, call) >= 0;
}

static void add(scmp_filter_ctx filter, uint32_t action, const char *call, unsigned count,
                const struct scmp_arg_cmp *conditions) {
    int number = seccomp_syscall_resolve_name(call);
    check(seccomp_rule_add_exact_array(filter, action, number, count, conditions), "add rule for", call);
}

static struct scmp_arg_cmp masked(unsigned argument, uint64_t mask, uint64_t value) {
    return (struct scmp_arg_cmp){argument, SCMP_CMP_MASKED_EQ, mask, value};
}

static bool socket_is_listed(int family, int protocol) {
    for (size_t i = 0; i < RULES; i++)
        if (rules[i].kind == KIND_SOCKET && rules[i].family == family &&
            (rules[i].protocol == ANY_PROTOCOL || rules[i].protocol == protocol || protocol == ANY_PROTOCOL))
            return true;
    return false;
}

static bool takes_any_protocol(int family) {
    for (size_t i = 0; i < RULES; i++)
        if (rules[i].kind == KIND_SOCKET && rules[i].family == family && rules[i].protocol == ANY_PROTOCOL)
            return true;
    return false;
}

static void add_protocols(scmp_filter_ctx filter, int family) {
    uint32_t refused = SCMP_ACT_ERRNO(EPROTONOSUPPORT);

    for (int protocol = 0; protocol <= LAST_PROTOCOL; protocol++) {
        struct scmp_arg_cmp pair[] = {SCMP_A0(SCMP_CMP_EQ, (uint64_t)family),
                                      SCMP_A2(SCMP_CMP_EQ, (uint64_t)protocol)};
        add(filter, socket_is_listed(family, protocol) ? SCMP_ACT_ALLOW : refused, "socket", 2, pair);
    }
    struct scmp_arg_cmp beyond[] = {SCMP_A0(SCMP_CMP_EQ, (uint64_t)family),
                                    SCMP_A2(SCMP_CMP_GT, LAST_PROTOCOL)};
    add(filter, refused, "socket", 2, beyond);
}

/* libseccomp has no "otherwise" for the arguments of one call, and the filter's own otherwise is ENOSYS. What
 * is not listed is therefore enumerated, so that it fails as on a kernel that lacks the family. */
static void add_sockets(scmp_filter_ctx filter) {
    uint32_t refused = SCMP_ACT_ERRNO(EAFNOSUPPORT);

    for (int family = 0; family <= LAST_FAMILY; family++) {
        struct scmp_arg_cmp same[] = {SCMP_A0(SCMP_CMP_EQ, (uint64_t)family)};
        if (!socket_is_listed(family, ANY_PROTOCOL))
            add(filter, refused, "socket", 1, same);
        else if (takes_any_protocol(family))
            add(filter, SCMP_ACT_ALLOW, "socket", 1, same);
        else
            add_protocols(filter, family);
    }
    struct scmp_arg_cmp beyond[] = {SCMP_A0(SCMP_CMP_GT, LAST_FAMILY)};
    add(filter, refused, "socket", 1, beyond);
}

static void add_socketpair(scmp_filter_ctx filter, int family) {
    struct scmp_arg_cmp below[] = {SCMP_A0(SCMP_CMP_LT, (uint64_t)family)};
    struct scmp_arg_cmp same[] = {SCMP_A0(SCMP_CMP_EQ, (uint64_t)family)};
    struct scmp_arg_cmp above[] = {SCMP_A0(SCMP_CMP_GT, (uint64_t)family)};

    add(filter, SCMP_ACT_ERRNO(EAFNOSUPPORT), "socketpair", 1, below);
    add(filter, SCMP_ACT_ALLOW, "socketpair", 1, same);
    add(filter, SCMP_ACT_ERRNO(EAFNOSUPPORT), "socketpair", 1, above);
}

static bool has_fork_line(const char *call) {
    for (size_t i = 0; i < RULES; i++)
        if ((rules[i].kind == KIND_FORK || rules[i].kind == KIND_FORK_IF) && strcmp(rules[i].call, call) == 0)
            return true;
    return false;
}

static const struct rule *refusal_of(const char *call) {
    for (size_t i = 0; i < RULES; i++)
        if (rules[i].kind == KIND_REFUSE && strcmp(rules[i].call, call) == 0) return &rules[i];
    return NULL;
}

/* What an instance is told where a zygote is let through. */
static void add_taking_back(scmp_filter_ctx filter, const struct rule *rule) {
    struct scmp_arg_cmp condition[] = {masked(rule->argument, rule->mask, rule->value)};
    const struct rule *refusal = refusal_of(rule->call);
    uint32_t refused = SCMP_ACT_ERRNO(refusal == NULL ? ENOSYS : refusal->error);
    bool always = refusal != NULL || rule->kind == KIND_FORK;
    if (rule->kind != KIND_FORK && rule->kind != KIND_FORK_IF) return;
    add(filter, refused, rule->call, always ? 0 : 1, always ? NULL : condition);
}

static void add_rule(scmp_filter_ctx filter, enum role role, const struct rule *rule) {
    struct scmp_arg_cmp condition[] = {masked(rule->argument, rule->mask, rule->value)};
    bool forks = role == ROLE_ZYGOTE;

    switch (rule->kind) {
    case KIND_ALLOW:
        return add(filter, SCMP_ACT_ALLOW, rule->call, 0, NULL);
    case KIND_ALLOW_IF:
        return add(filter, SCMP_ACT_ALLOW, rule->call, 1, condition);
    case KIND_FORK:
        if (forks) add(filter, SCMP_ACT_ALLOW, rule->call, 0, NULL);
        return;
    case KIND_FORK_IF:
        if (forks) add(filter, SCMP_ACT_ALLOW, rule->call, 1, condition);
        return;
    case KIND_REFUSE:
        if (forks && has_fork_line(rule->call)) return;
        return add(filter, SCMP_ACT_ERRNO(rule->error), rule->call, 0, NULL);
    case KIND_REFUSE_IF:
        return add(filter, SCMP_ACT_ERRNO(rule->error), rule->call, 1, condition);
    case KIND_SOCKETPAIR:
        return add_socketpair(filter, rule->family);
    case KIND_SOCKET: /* add_sockets takes all of them at once */
    case KIND_ABSENT: /* the filter's default */
        return;
    }
}

static scmp_filter_ctx compile(enum role role, uint32_t arch) {
    scmp_filter_ctx filter = seccomp_init(role == ROLE_CLONE ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO(ENOSYS));
    if (filter == NULL) check(-ENOMEM, "make", "filter");

    if (arch != seccomp_arch_native()) {
        check(seccomp_arch_add(filter, arch), "add", "architecture");
        check(seccomp_arch_remove(filter, SCMP_ARCH_NATIVE), "remove", "native architecture");
    }
    check(seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS), "set",
          "bad architecture action");
    /* 2: a binary search over the numbers. It is walked once per number when the filter is installed, to fill
     * the kernel's bitmap, so its depth is the price of every start. */
    check(seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2), "set", "optimisation");
    for (size_t i = 0; i < RULES; i++) {
        if (!has_call(arch, rules[i].call)) continue;
        if (role == ROLE_CLONE)
            add_taking_back(filter, &rules[i]);
        else
            add_rule(filter, role, &rules[i]);
    }
    if (role != ROLE_CLONE) add_sockets(filter);
    return filter;
}

static void write_filter(const char *directory, enum role role, const struct target *target) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s.%s.bpf", directory, roles[role], target->name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0) check(-errno, "create", path);

    scmp_filter_ctx filter = compile(role, target->arch);
    check(seccomp_export_bpf(filter, fd), "write", path);
    seccomp_release(filter);
    if (close(fd) < 0) check(-errno, "close", path);
}

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: filter_gen DIRECTORY\n");
        return 2;
    }
    for (size_t r = 0; r < sizeof roles / sizeof roles[0]; r++)
        for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++)
            write_filter(argv[1], (enum role)r, &targets[i]);
    return 0;
}
