/* The resource limits of an instance; the sizes that cgroups count (memory, pids, cpu) are cgroup.h's. Runs
 * in the process that becomes an instance. */
#include "limits.h"

#include <sys/resource.h>

#define MOST_OPEN_FILES 1024
#define MEMLOCK_BYTES (64 * 1024)
/* Those of all sandboxes together count for the owner of their user namespaces, too. */
#define MOST_PENDING_SIGNALS 1024

/* Soft and hard alike, so that the function cannot raise it again. A hard limit that is lower already stays:
 * raising it needs CAP_SYS_RESOURCE, which even root may lack. */
static int lower(int resource, const char *name, rlim_t value, struct failure *f) {
    struct rlimit now;

    if (getrlimit(resource, &now) < 0) return fail(f, "read resource limit", "%s", name);
    if (now.rlim_max < value) value = now.rlim_max;
    struct rlimit wanted = {.rlim_cur = value, .rlim_max = value};
    if (setrlimit(resource, &wanted) < 0)
        return fail(f, "set resource limit", "%s to %llu", name, (unsigned long long)value);
    return 0;
}

int limits_apply(uint64_t open_files, struct failure *f) {
    if (open_files == 0) {
        errno = EINVAL;
        return fail(f, "set resource limit", "open files 0, wanted 1 to %d", MOST_OPEN_FILES);
    }
    if (lower(RLIMIT_NOFILE, "open files", open_files < MOST_OPEN_FILES ? open_files : MOST_OPEN_FILES, f) <
        0)
        return -1;
    if (lower(RLIMIT_CORE, "core file size", 0, f) < 0) return -1;
    if (lower(RLIMIT_SIGPENDING, "pending signals", MOST_PENDING_SIGNALS, f) < 0) return -1;
    if (lower(RLIMIT_MEMLOCK, "locked memory", MEMLOCK_BYTES, f) < 0) return -1;
    return lower(RLIMIT_MSGQUEUE, "message queue bytes", 0, f);
}
