/* V8 offers a job to the platform's threads even when it will do all of it itself (--single-threaded). In a
 * clone those threads do not exist, so each garbage collection would leave one more task that nobody takes,
 * and whoever drains the platform would wait for it: every Worker that ends, and the main loop when it runs
 * empty. V8 asks NodePlatform::NumberOfWorkerThreads() before it offers; here that becomes 0. Runs in a
 * zygote, before it loads anything. */
#include "libtsfn.h"

#include <dlfcn.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

/* A v8::Platform has about twenty virtual functions. */
#define MOST_SLOTS 64

static int no_threads(void *platform) {
    (void)platform;
    return 0;
}

/* The entry of the class's table that holds `function`; NULL if there is none. */
static void **find_slot(void **table, const void *function) {
    for (int i = 0; i < MOST_SLOTS; i++)
        if (table[i] == function) return &table[i];
    return NULL;
}

int tsfn_zygote_prepare(void) {
    void **table = dlsym(RTLD_DEFAULT, "_ZTVN4node12NodePlatformE");
    const void *function = dlsym(RTLD_DEFAULT, "_ZN4node12NodePlatform21NumberOfWorkerThreadsEv");
    if (table == NULL || function == NULL) return -ENOSYS;
    void **slot = find_slot(table, function);
    if (slot == NULL) return -ENOSYS;
    /* The table is read-only. A slot is aligned, so it lies on one page. */
    uintptr_t size = (uintptr_t)sysconf(_SC_PAGESIZE);
    void *page = (void *)((uintptr_t)slot / size * size);
    if (mprotect(page, size, PROT_READ | PROT_WRITE) < 0) return -errno;
    *slot = (void *)(uintptr_t)no_threads;
    return mprotect(page, size, PROT_READ) < 0 ? -errno : 0;
}
