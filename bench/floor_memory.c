/* L1, L2 and L8: forks of a process as large as a zygote, without any sandbox. The memory stays mapped for
 * the life of the program; L1 leaves it out of its fork. */
#include "floor.h"
#include "textfile.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096

static char *memory;
static size_t piece, stride;
static unsigned pieces, touched;

/* Pages without access between the pieces keep the kernel from joining them: a fork pays for each mapping. */
void floor_memory_fill(const struct floor_options *options) {
    pieces = options->mappings;
    piece = options->private_bytes / pieces / PAGE * PAGE;
    stride = piece + PAGE;
    touched = options->touched_pages;
    if (piece == 0) return;
    memory = mmap(NULL, stride * pieces, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) floor_fail("map memory");
    floor_check(madvise(memory, stride * pieces, MADV_NOHUGEPAGE), "map memory in small pages");
    for (unsigned i = 0; i < pieces; i++) {
        floor_check(mprotect(memory + i * stride, piece, PROT_READ | PROT_WRITE), "map memory");
        memset(memory + i * stride, 1, piece);
    }
}

/* Spread over all of it: a clone's writes do not lie side by side either. */
void floor_memory_touch(void) {
    size_t pages = piece / PAGE * pieces;
    if (pages == 0) return;
    for (unsigned i = 0; i < touched; i++) {
        size_t page = (size_t)i * pages / touched, per_piece = piece / PAGE;
        memory[page / per_piece * stride + page % per_piece * PAGE] = 2;
    }
}

void floor_memory_keep_out_of_forks(bool out) {
    if (piece == 0) return;
    floor_check(madvise(memory, stride * pieces, out ? MADV_DONTFORK : MADV_DOFORK), "advise on the fork");
}

static void fork_once(bool touch) {
    pid_t child = floor_check(fork(), "fork");
    if (child == 0) {
        if (touch) floor_memory_touch();
        _exit(0);
    }
    floor_reap(child);
}

void floor_bare_fork(struct floor_time *spent) {
    floor_memory_keep_out_of_forks(true);
    floor_start(spent);
    fork_once(false);
    floor_stop(spent);
    floor_memory_keep_out_of_forks(false);
}

void floor_large_fork(struct floor_time *spent) {
    floor_start(spent);
    fork_once(true);
    floor_stop(spent);
}

static uint64_t kib_of(pid_t pid, const char *file, const char *key) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", pid, file);
    FILE *text = fopen(path, "re");
    if (text == NULL) floor_fail(path);
    uint64_t kib = 0;
    size_t length = strlen(key);
    for (char line[256]; fgets(line, sizeof line, text) != NULL;)
        if (strncmp(line, key, length) == 0) kib = strtoull(line + length, NULL, 10);
    fclose(text);
    return kib;
}

void floor_clone_memory(void) {
    pid_t child = floor_check(fork(), "fork");
    if (child == 0) {
        pause();
        _exit(1);
    }
    uint64_t own = kib_of(child, "smaps_rollup", "Private_Dirty:");
    uint64_t tables = kib_of(child, "status", "VmPTE:");
    printf("{\"floor\":\"L8\",\"privateBytes\":%llu,\"pageTablesBytes\":%llu}\n",
           (unsigned long long)own * 1024, (unsigned long long)tables * 1024);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}
