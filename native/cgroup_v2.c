/* The warden: one sandbox's group in the cgroup v2 hierarchy (Documentation/admin-guide/cgroup-v2.rst). */
#include "cgroup.h"
#include "textfile.h"

static int memory_limit_set(int dir, const struct cgroup_limits *limits, struct failure *f) {
    uint64_t bytes = limits->memory_bytes;
    if (text_write(dir, "memory.max", "%llu", (unsigned long long)bytes) < 0)
        return fail(f, "limit memory", "memory.max to %llu", (unsigned long long)bytes);
    /* A kernel that does not account swap has no such file; `tsfn doctor` reports it. */
    if (text_write(dir, "memory.swap.max", "0") < 0 && errno != ENOENT)
        return fail(f, "limit swap", "memory.swap.max to 0");
    if (!limits->oom_takes_one && text_write(dir, "memory.oom.group", "1") < 0)
        return fail(f, "kill as a whole", "memory.oom.group to 1");
    return 0;
}

int cgroup_v2_limits_set(int dir, unsigned controllers, const struct cgroup_limits *limits,
                         struct failure *f) {
    if ((controllers & CGROUP_MEMORY) && memory_limit_set(dir, limits, f) < 0) return -1;
    unsigned long long quota = limits->cpu_thousandths * CGROUP_CPU_PERIOD_US / 1000;
    if ((controllers & CGROUP_CPU) && text_write(dir, "cpu.max", "%llu %d", quota, CGROUP_CPU_PERIOD_US) < 0)
        return fail(f, "limit cpu", "cpu.max to %llu", quota);
    if ((controllers & CGROUP_PIDS) &&
        text_write(dir, "pids.max", "%llu", (unsigned long long)limits->pids) < 0)
        return fail(f, "limit pids", "pids.max to %llu", (unsigned long long)limits->pids);
    return 0;
}

int cgroup_v2_weight_set(int dir, unsigned weight, struct failure *f) {
    if (text_write(dir, "cpu.weight", "%u", weight) < 0)
        return fail(f, "weigh the group", "cpu.weight to %u", weight);
    return 0;
}

void cgroup_v2_usage_read(int dir, unsigned controllers, enum cgroup_reading reading,
                          struct cgroup_usage *usage) {
    uint64_t us = text_read_field(dir, "cpu.stat", "usage_usec");
    if (us > usage->cpu_us) usage->cpu_us = us;
    if (controllers & CGROUP_MEMORY) {
        usage->memory_bytes = text_read_number(dir, "memory.current");
        uint64_t peak = text_read_number(dir, "memory.peak"); /* since Linux 5.19 */
        usage->memory_peak_bytes = peak > 0 ? peak : usage->memory_bytes;
        usage->oom_kills = text_read_field(dir, "memory.events", "oom_kill");
    }
    if (reading == USAGE_NOW && (controllers & CGROUP_PIDS))
        usage->pids = text_read_number(dir, "pids.current");
}

int cgroup_v2_enable(int dir, unsigned controllers, struct failure *f) {
    static const struct {
        unsigned bit;
        const char *name;
    } known[] = {{CGROUP_MEMORY, "memory"}, {CGROUP_CPU, "cpu"}, {CGROUP_PIDS, "pids"}};
    for (unsigned i = 0; i < sizeof known / sizeof known[0]; i++)
        if ((controllers & known[i].bit) &&
            text_write(dir, "cgroup.subtree_control", "+%s", known[i].name) < 0)
            return fail(f, "enable controller", "%s", known[i].name);
    return 0;
}
