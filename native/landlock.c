/* Landlock scopes: a process in a sandbox can neither signal nor reach the abstract unix sockets of one
 * outside it, whatever namespaces they should come to share. Runs in the process that becomes an instance. */
#include "landlock.h"

#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Defined here because the headers of a distribution older than the running kernel lack them
 * (linux/landlock.h of 6.12). */
#define VERSION_QUERY 1U
#define ABI_WITH_SCOPES 6
#define SCOPE_ABSTRACT_UNIX_SOCKET (UINT64_C(1) << 0)
#define SCOPE_SIGNAL (UINT64_C(1) << 1)

struct ruleset {
    uint64_t handled_access_fs;
    uint64_t handled_access_net;
    uint64_t scoped;
};

int landlock_scope(struct failure *f) {
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, VERSION_QUERY);
    if (abi < ABI_WITH_SCOPES) return 0;

    struct ruleset rules = {.scoped = SCOPE_ABSTRACT_UNIX_SOCKET | SCOPE_SIGNAL};
    int fd = (int)syscall(SYS_landlock_create_ruleset, &rules, sizeof rules, 0);
    if (fd < 0) return fail(f, "make landlock ruleset", "ABI %ld", abi);
    long enforced = syscall(SYS_landlock_restrict_self, fd, 0);
    int saved = errno;
    close(fd);
    errno = saved;
    if (enforced < 0) return fail(f, "enforce landlock ruleset", "ABI %ld", abi);
    return 0;
}
