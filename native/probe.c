/* Tries every kernel feature that tsfn stands on and says what it found; the trials are in probe_processes.c,
 * probe_mounts.c and probe_cgroups.c. Runs in the warden, each trial in a child. */
#include "probe.h"

#include "probe_trials.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* A trial takes well under a millisecond; one that hangs is a feature that does not work. */
#define TRIAL_SECONDS 5

static const struct {
    const char *name;
    void (*attempt)(struct probe_feature *feature);
} trials[] = {
    {"capabilities", probe_capabilities},
    {"kernel-version", probe_kernel},
    {"user-namespace", probe_user_namespace},
    {"user-namespace-limit", probe_user_namespace_limit},
    {"mount-namespace", probe_mount_namespace},
    {"pid-namespace", probe_pid_namespace},
    {"ipc-namespace", probe_ipc_namespace},
    {"uts-namespace", probe_uts_namespace},
    {"network-namespace", probe_network_namespace},
    {"network-egress", probe_network_egress},
    {"cgroup-namespace", probe_cgroup_namespace},
    {"time-namespace", probe_time_namespace},
    {"tmpfs", probe_tmpfs},
    {"overlay", probe_overlay},
    {"overlay-opaque", probe_overlay_opaque},
    {"proc-subset", probe_proc},
    {"pidfd", probe_pidfd},
    {"close-range", probe_close_range},
    {"openat2", probe_openat2},
    {"seccomp-filter", probe_seccomp},
    {"landlock-scopes", probe_landlock},
    {"memory-cgroup", probe_memory_cgroup},
    {"swap-limit", probe_swap_limit},
    {"cpu-cgroup", probe_cpu_cgroup},
    {"pids-cgroup", probe_pids_cgroup},
    {"devices-cgroup", probe_devices_cgroup},
    {"clone-into-cgroup", probe_clone_into_cgroup},
    {"cgroup-kill", probe_cgroup_kill},
    {"open-files", probe_open_files},
};
#define TRIALS ((int)(sizeof trials / sizeof trials[0]))
_Static_assert(sizeof trials / sizeof trials[0] <= PROBE_MOST, "PROBE_MOST holds every trial");

static void run(int trial, struct probe_feature *found) {
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGALRM, SIG_DFL);
    alarm(TRIAL_SECONDS);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    trials[trial].attempt(found);
    _exit(0);
}

/* `found` is shared memory: the child's answer, or still "missing" if it did not live to give one. */
static void try_one(int trial, struct probe_feature *found) {
    int status;

    probe_missing(found, "the trial gave no answer");
    pid_t child = fork();
    if (child < 0) return probe_failed(found, "fork");
    if (child == 0) run(trial, found);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    if (WIFSIGNALED(status)) probe_missing(found, "the trial was killed by signal %d", WTERMSIG(status));
}

int probe_all(struct probe_feature *features, int most) {
    int count = most < TRIALS ? most : TRIALS;
    struct probe_feature *shared =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) return 0;

    for (int i = 0; i < count; i++) {
        memset(shared, 0, sizeof *shared);
        try_one(i, shared);
        features[i] = *shared;
        features[i].name = trials[i].name;
    }
    munmap(shared, sizeof *shared);
    return count;
}

int probe_main(void) {
    static const char *const words[] = {
        [PROBE_MISSING] = "missing", [PROBE_OK] = "ok", [PROBE_DEGRADED] = "degraded"};
    struct probe_feature features[PROBE_MOST];
    int status = 0;

    int count = probe_all(features, PROBE_MOST);
    if (count == 0) {
        fprintf(stderr, "warden: cannot probe the kernel: no memory\n");
        return 1;
    }
    for (int i = 0; i < count; i++) {
        printf("%s\t%s\t%s\n", features[i].name, words[features[i].result], features[i].detail);
        if (features[i].result == PROBE_MISSING) status = 1;
    }
    return status;
}

static void verdict(struct probe_feature *feature, enum probe_result result, const char *format,
                    va_list args) {
    feature->result = (uint8_t)result;
    vsnprintf(feature->detail, sizeof feature->detail, format, args);
}

void probe_ok(struct probe_feature *feature, const char *format, ...) {
    va_list args;
    va_start(args, format);
    verdict(feature, PROBE_OK, format, args);
    va_end(args);
}

void probe_degraded(struct probe_feature *feature, const char *format, ...) {
    va_list args;
    va_start(args, format);
    verdict(feature, PROBE_DEGRADED, format, args);
    va_end(args);
}

void probe_missing(struct probe_feature *feature, const char *format, ...) {
    va_list args;
    va_start(args, format);
    verdict(feature, PROBE_MISSING, format, args);
    va_end(args);
}

void probe_failed(struct probe_feature *feature, const char *what) {
    probe_missing(feature, "%s: %s", what, strerror(errno));
}
