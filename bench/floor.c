/* Runs the floors that are named on stdin, one round per line, so that a benchmark can take turns between
 * them and what it measures:  floor --private-kib n --mappings n --touched-pages n --layer dir … --cgroup
 * mount …  */
#include "floor.h"

#include <errno.h>
#include <getopt.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const struct floor floors[] = {{"L1", floor_bare_fork},
                                      {"L2", floor_large_fork},
                                      {"L3", floor_sandbox},
                                      {"L5", floor_round_trip},
                                      {"L7", floor_layer_swap}};

static int64_t wall_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static int64_t usage_ns(int who) {
    struct rusage usage;
    getrusage(who, &usage);
    return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000000LL +
           (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1000LL;
}

static int64_t cpu_ns(void) {
    return usage_ns(RUSAGE_SELF) + usage_ns(RUSAGE_CHILDREN);
}

void floor_start(struct floor_time *spent) {
    *spent = (struct floor_time){.wall_ns = -wall_ns(), .cpu_ns = -cpu_ns()};
}

void floor_ready(struct floor_time *spent) {
    spent->ready_ns = spent->wall_ns + wall_ns();
}

void floor_stop(struct floor_time *spent) {
    if (spent->ready_ns == 0) floor_ready(spent);
    spent->wall_ns += wall_ns();
    spent->cpu_ns += cpu_ns();
}

noreturn void floor_fail(const char *what) {
    fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
    exit(1);
}

int floor_check(int result, const char *what) {
    if (result < 0) floor_fail(what);
    return result;
}

void floor_reap(pid_t child) {
    int status;
    floor_check(waitpid(child, &status, 0), "wait for the child");
    if (status == 0) return;
    fprintf(stderr, "floor: the child ended with status %#x, wanted 0\n", (unsigned)status);
    exit(1);
}

static void run_named(const char *name) {
    if (strcmp(name, "L8") == 0) return floor_clone_memory();
    if (strcmp(name, "hold") == 0) return floor_sandbox_hold();
    for (unsigned i = 0; i < sizeof floors / sizeof floors[0]; i++) {
        if (strcmp(name, floors[i].name) != 0) continue;
        struct floor_time spent;
        floors[i].run(&spent);
        printf("{\"floor\":\"%s\",\"wallUs\":%.3f,\"readyUs\":%.3f,\"cpuUs\":%.3f}\n", name,
               (double)spent.wall_ns / 1000, (double)spent.ready_ns / 1000, (double)spent.cpu_ns / 1000);
        return;
    }
    fprintf(stderr, "floor: there is no floor \"%s\"; wanted L1, L2, L3, L5, L7 or L8\n", name);
    exit(2);
}

static void add(const char **list, int *count, int most) {
    if (*count == most) {
        fprintf(stderr, "floor: %s is one too many; wanted at most %d\n", optarg, most);
        exit(2);
    }
    list[(*count)++] = optarg;
}

static struct floor_options parse(int argc, char **argv) {
    static const struct option known[] = {{"private-kib", required_argument, NULL, 'p'},
                                          {"mappings", required_argument, NULL, 'm'},
                                          {"touched-pages", required_argument, NULL, 't'},
                                          {"layer", required_argument, NULL, 'l'},
                                          {"cgroup", required_argument, NULL, 'c'},
                                          {"place", required_argument, NULL, 'd'},
                                          {NULL, 0, NULL, 0}};
    struct floor_options options = {.mappings = 1};
    for (int which; (which = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        if (which == 'p') options.private_bytes = strtoull(optarg, NULL, 10) * 1024;
        if (which == 'm') options.mappings = (unsigned)strtoul(optarg, NULL, 10);
        if (which == 't') options.touched_pages = (unsigned)strtoul(optarg, NULL, 10);
        if (which == 'l') add(options.layers, &options.layer_count, FLOOR_MOST_LAYERS);
        if (which == 'c') add(options.trees, &options.tree_count, FLOOR_MOST_TREES);
        if (which == 'd') options.place = optarg;
        if (which == '?') exit(2);
    }
    if (options.place == NULL) {
        fprintf(stderr, "floor: --place is missing; wanted an empty directory\n");
        exit(2);
    }
    return options;
}

int main(int argc, char **argv) {
    struct floor_options options = parse(argc, argv);
    floor_check(unshare(CLONE_NEWNS), "leave the host's mounts");
    floor_check(mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL), "leave the host's mounts");
    floor_memory_fill(&options);
    floor_cgroups_find(&options);
    floor_root_prepare(&options);
    setvbuf(stdout, NULL, _IOLBF, 0);
    char line[64];
    while (fgets(line, sizeof line, stdin) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        run_named(line);
    }
    floor_cgroups_leave();
    floor_root_forget();
    return 0;
}
