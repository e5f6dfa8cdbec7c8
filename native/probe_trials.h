/* The trials behind probe.h, private to probe*.c. Each runs in a child of its own that is thrown away, so it
 * may leave namespaces and mounts as they are; cgroups it must remove. It says what it found with one of the
 * verdicts. */
#ifndef TSFN_PROBE_TRIALS_H
#define TSFN_PROBE_TRIALS_H

#include "probe.h"

#define VERDICT __attribute__((format(printf, 2, 3)))
void probe_ok(struct probe_feature *feature, const char *format, ...) VERDICT;
void probe_degraded(struct probe_feature *feature, const char *format, ...) VERDICT;
void probe_missing(struct probe_feature *feature, const char *format, ...) VERDICT;
/* Missing, because `what` just failed with errno. */
void probe_failed(struct probe_feature *feature, const char *what);

/* probe_processes.c: the process, its namespaces, its system calls. */
void probe_capabilities(struct probe_feature *feature);
void probe_kernel(struct probe_feature *feature);
void probe_user_namespace(struct probe_feature *feature);
void probe_user_namespace_limit(struct probe_feature *feature);
void probe_mount_namespace(struct probe_feature *feature);
void probe_pid_namespace(struct probe_feature *feature);
void probe_ipc_namespace(struct probe_feature *feature);
void probe_uts_namespace(struct probe_feature *feature);
void probe_network_namespace(struct probe_feature *feature);
void probe_network_egress(struct probe_feature *feature);
void probe_cgroup_namespace(struct probe_feature *feature);
void probe_time_namespace(struct probe_feature *feature);
void probe_pidfd(struct probe_feature *feature);
void probe_close_range(struct probe_feature *feature);
void probe_openat2(struct probe_feature *feature);
void probe_seccomp(struct probe_feature *feature);
void probe_landlock(struct probe_feature *feature);
void probe_open_files(struct probe_feature *feature);

/* probe_mounts.c: what a sandbox's root is made of. */
void probe_tmpfs(struct probe_feature *feature);
void probe_overlay(struct probe_feature *feature);
void probe_overlay_opaque(struct probe_feature *feature);
void probe_proc(struct probe_feature *feature);

/* probe_cgroups.c: limits, and killing a whole sandbox. */
void probe_memory_cgroup(struct probe_feature *feature);
void probe_swap_limit(struct probe_feature *feature);
void probe_cpu_cgroup(struct probe_feature *feature);
void probe_pids_cgroup(struct probe_feature *feature);
void probe_devices_cgroup(struct probe_feature *feature);
void probe_clone_into_cgroup(struct probe_feature *feature);
void probe_cgroup_kill(struct probe_feature *feature);

#endif
