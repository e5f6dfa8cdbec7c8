/* V8 asks for each piece of its heap at a random address, so that every quarter of a megabyte has a mapping
 * and page tables of its own, all of which a fork copies and an end takes down. Here these hints become
 * places next to one another; where the first of them is the kernel has drawn. Runs in a zygote, into which
 * the dynamic linker loads this library before anything else (LD_PRELOAD), and in its clones. */
#include "libtsfn.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* V8 asks for so much more than a piece as aligns it, and gives back what it does not need. */
#define PIECE ((size_t)256 << 10)
/* The larger ones are few, and one of them, that of the code, has reasons for its hint. */
#define MOST_BYTES ((size_t)8 << 20)
/* For the heap, below the libraries. */
#define ROOM ((size_t)16 << 30)

/* Programs that the zygote starts are none of its kind. */
__attribute__((constructor)) static void forget_request(void) {
    unsetenv("LD_PRELOAD");
}

static void *map(void *at, size_t length, int protection, int flags, int fd, off_t offset) {
    return (void *)syscall(SYS_mmap, at, length, protection, flags, fd, offset);
}

static uintptr_t draw_place(void) {
    void *top = map(NULL, 1, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (top == MAP_FAILED) return 0;
    munmap(top, 1);
    return ((uintptr_t)top - ROOM) / PIECE * PIECE;
}

/* Two threads that get the same place are told apart by the kernel: it is a hint. */
static void *map_next(size_t length, int protection, int flags) {
    static _Atomic uintptr_t next;
    if (next == 0) next = draw_place();
    uintptr_t place = next;
    void *got = map((void *)place, length, protection, flags, -1, 0);
    if ((uintptr_t)got == place) next = place + length / PIECE * PIECE;
    return got;
}

/* In the C library's place. */
TSFN_EXPORT void *mmap64(void *at, size_t length, int protection, int flags, int fd, off_t offset) {
    bool is_hint = at != NULL && (flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) == 0;
    bool is_heap = is_hint && (flags & MAP_ANONYMOUS) && length >= PIECE && length <= MOST_BYTES;
    return is_heap ? map_next(length, protection, flags) : map(at, length, protection, flags, fd, offset);
}
