/* The warden: one sandbox's group in a cgroup v1 hierarchy (Documentation/admin-guide/cgroup-v1). */
#include "cgroup.h"
#include "fds.h"
#include "textfile.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

static int memory_limit_set(int dir, uint64_t bytes, enum cgroup_age age, struct failure *f) {
    /* The limit with swap may never be the lower one, so the order depends on the direction. */
    static const char *const files[] = {"memory.limit_in_bytes", "memory.memsw.limit_in_bytes"};
    bool raise = age == GROUP_HAS_LIMITS && bytes > text_read_number(dir, files[0]);
    for (int i = 0; i < 2; i++) {
        const char *file = files[raise ? 1 - i : i];
        bool swap = file == files[1];
        if (text_write(dir, file, "%llu", (unsigned long long)bytes) == 0) continue;
        /* A kernel that does not account swap has no such file; `tsfn doctor` reports it. */
        if (swap && errno == ENOENT) continue;
        return fail(f, "limit memory", "%s to %llu", file, (unsigned long long)bytes);
    }
    return 0;
}

static int swappiness_clear(int dir, struct failure *f) {
    if (text_write(dir, "memory.swappiness", "0") == 0 || errno == ENOENT || errno == EACCES) return 0;
    return fail(f, "limit swap", "memory.swappiness to 0");
}

static int cpu_limit_set(int dir, uint64_t thousandths, struct failure *f) {
    if (text_write(dir, "cpu.cfs_period_us", "%d", CGROUP_CPU_PERIOD_US) < 0)
        return fail(f, "limit cpu", "cpu.cfs_period_us");
    uint64_t quota = thousandths * CGROUP_CPU_PERIOD_US / 1000;
    if (text_write(dir, "cpu.cfs_quota_us", "%llu", (unsigned long long)quota) < 0)
        return fail(f, "limit cpu", "cpu.cfs_quota_us to %llu", (unsigned long long)quota);
    return 0;
}

int cgroup_v1_limits_set(int dir, unsigned controllers, const struct cgroup_limits *limits,
                         enum cgroup_age age, struct failure *f) {
    if ((controllers & CGROUP_MEMORY) &&
        (memory_limit_set(dir, limits->memory_bytes, age, f) < 0 || swappiness_clear(dir, f) < 0))
        return -1;
    if ((controllers & CGROUP_CPU) && cpu_limit_set(dir, limits->cpu_thousandths, f) < 0) return -1;
    if ((controllers & CGROUP_PIDS) &&
        text_write(dir, "pids.max", "%llu", (unsigned long long)limits->pids) < 0)
        return fail(f, "limit pids", "pids.max to %llu", (unsigned long long)limits->pids);
    return 0;
}

int cgroup_v1_weight_set(int dir, unsigned weight, struct failure *f) {
    unsigned shares = weight * 1024 / WEIGHT_USUAL;
    if (text_write(dir, "cpu.shares", "%u", shares) < 0)
        return fail(f, "weigh the group", "cpu.shares to %u", shares);
    return 0;
}

/* v1 kills one task and lets the rest run on, so the warden listens and kills the rest. */
int cgroup_v1_watch_oom(int dir) {
    cleanup_fd int control = openat(dir, "memory.oom_control", O_RDONLY | O_CLOEXEC);
    if (control < 0) return -1;
    int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (event < 0) return -1;
    if (text_write(dir, "cgroup.event_control", "%d %d", event, control) < 0) fd_close(&event);
    return event;
}

void cgroup_v1_usage_read(int dir, unsigned controllers, enum cgroup_reading reading,
                          struct cgroup_usage *usage) {
    bool now = reading == USAGE_NOW;
    if (controllers & CGROUP_MEMORY) {
        if (now) usage->memory_bytes = text_read_number(dir, "memory.usage_in_bytes");
        usage->memory_peak_bytes = text_read_number(dir, "memory.max_usage_in_bytes");
        usage->oom_kills = text_read_field(dir, "memory.oom_control", "oom_kill");
    }
    if (now && (controllers & CGROUP_PIDS)) usage->pids = text_read_number(dir, "pids.current");
    if (controllers & CGROUP_CPUACCT) {
        /* A v2 tree knows it, too, but not of a clone. */
        uint64_t us = text_read_number(dir, "cpuacct.usage") / 1000;
        if (us > usage->cpu_us) usage->cpu_us = us;
    }
}

int cgroup_v1_devices_allow(int dir, struct failure *f) {
    static const char *const allowed[] = {"c 1:3 rwm", "c 1:5 rwm", "c 1:7 rwm", "c 1:8 rwm", "c 1:9 rwm"};
    if (text_write(dir, "devices.deny", "a") < 0) return fail(f, "deny devices", "devices.deny");
    for (unsigned i = 0; i < sizeof allowed / sizeof allowed[0]; i++)
        if (text_write(dir, "devices.allow", "%s", allowed[i]) < 0)
            return fail(f, "allow device", "%s", allowed[i]);
    return 0;
}
