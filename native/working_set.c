/* A child of the warden: learns from one clone which pages the next ones will copy, and tells their zygote. A
 * fork shares every page, and each first write to one costs a fault; asking for all of them at once costs
 * half. */
#include "working_set.h"
#include "child.h"
#include "fds.h"

#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* Documentation/admin-guide/mm/pagemap.rst. */
#define PRESENT (UINT64_C(1) << 63)
#define OF_FILE (UINT64_C(1) << 61)
#define EXCLUSIVE (UINT64_C(1) << 56)
/* What is looked at, and what is copied: a function that writes to more has other worries. */
#define MOST_MAPPINGS 4096
#define MOST_LOOKED_AT 32768u
#define MOST_PAGES 2048

struct search {
    int pagemap;
    uint64_t page_bytes;
    unsigned looked_at;
    int pages;
    bool ended; /* the process, while it was looked at */
    struct working_set *set;
};

/* False when there is no room. */
static bool add(struct search *search, uint64_t at) {
    struct working_set *set = search->set;
    if (search->pages == MOST_PAGES) return false;
    if (set->count > 0 && set->ranges[set->count - 1].at + set->ranges[set->count - 1].bytes == at) {
        set->ranges[set->count - 1].bytes += search->page_bytes;
    } else {
        if (set->count == WORKING_SET_MOST) return false;
        set->ranges[set->count].at = at;
        set->ranges[set->count++].bytes = search->page_bytes;
    }
    search->pages++;
    return true;
}

static bool is_own(uint64_t page) {
    return (page & PRESENT) && (page & EXCLUSIVE) && !(page & OF_FILE);
}

/* False when nothing more is to be looked at. */
static bool look_at(struct search *search, uint64_t from, uint64_t to) {
    uint64_t pages[512];
    while (from < to && search->looked_at < MOST_LOOKED_AT) {
        size_t wanted = sizeof pages;
        if ((to - from) / search->page_bytes < sizeof pages / sizeof pages[0])
            wanted = (to - from) / search->page_bytes * sizeof pages[0];
        ssize_t length =
            pread(search->pagemap, pages, wanted, (off_t)(from / search->page_bytes * sizeof pages[0]));
        size_t count = length <= 0 ? 0 : (size_t)length / sizeof pages[0];
        search->ended = count == 0;
        if (search->ended) return false;
        for (size_t i = 0; i < count; i++)
            if (is_own(pages[i]) && !add(search, from + i * search->page_bytes)) return false;
        from += count * search->page_bytes;
        search->looked_at += (unsigned)count;
    }
    return search->looked_at < MOST_LOOKED_AT;
}

static void search_mappings(FILE *maps, struct search *search) {
    char *line = NULL;
    size_t size = 0;
    bool more = true;
    for (int i = 0; more && i < MOST_MAPPINGS && getline(&line, &size, maps) > 0; i++) {
        unsigned long from, to;
        char access[5];
        if (sscanf(line, "%lx-%lx %4s", &from, &to, access) != 3) continue;
        if (strcmp(access, "rw-p") == 0) more = look_at(search, from, to);
    }
    free(line);
}

/* `pidfd` says whether what was opened by number is that process's: it has not been reaped until then. */
static int find(pid_t pid, int pidfd, struct working_set *set) {
    char path[32];
    set->kind = PACKET_WORKING_SET;
    set->count = 0;
    snprintf(path, sizeof path, "/proc/%d/pagemap", pid);
    cleanup_fd int pagemap = open(path, O_RDONLY | O_CLOEXEC);
    snprintf(path, sizeof path, "/proc/%d/maps", pid);
    FILE *maps = fopen(path, "re");
    if (pagemap < 0 || maps == NULL || pidfd_send_signal(pidfd, 0, NULL, 0) < 0) return -1;
    struct search search = {.pagemap = pagemap, .page_bytes = (uint64_t)sysconf(_SC_PAGESIZE), .set = set};
    search_mappings(maps, &search);
    fclose(maps);
    return search.ended || search.pages == 0 ? -1 : 0;
}

/* A clone that ended meanwhile teaches nothing. */
static _Noreturn void be_searcher(pid_t pid, int pidfd, int channel) {
    struct failure f;
    struct working_set set;
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || fds_keep_only((const int[]){channel, pidfd}, 2, &f) < 0)
        _exit(1);
    if (find(pid, 1, &set) < 0) _exit(1);
    size_t length = offsetof(struct working_set, ranges) + set.count * sizeof set.ranges[0];
    _exit(send(0, &set, length, MSG_DONTWAIT | MSG_NOSIGNAL) < 0);
}

pid_t working_set_share(pid_t pid, int pidfd, int channel, struct failure *f) {
    pid_t searcher = child_fork(-1);
    if (searcher < 0) return fail(f, "find the working set", "clone3");
    if (searcher == 0) be_searcher(pid, pidfd, channel);
    return searcher;
}
