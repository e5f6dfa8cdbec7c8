/* Applies the real filter, then makes each system call it reads from its input, "number a0 a1 a2", and prints
 * the errno, or 0. `sweep i386` and `sweep x32` make one call by a door that must kill. seccomp.test.ts runs
 * it. */
#include "caps.h"
#include "seccomp.h"

#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
static void foreign_call(const char *door) {
    long result;

    if (strcmp(door, "i386") == 0)
        __asm__ volatile("int $0x80" : "=a"(result) : "a"(20L) : "memory");
    else
        result = syscall(0x40000000L | SYS_getpid);
    printf("survived with %ld\n", result);
}
#else
static void foreign_call(const char *door) {
    printf("no door %s on this architecture\n", door);
}
#endif

static void sweep(void) {
    long number;
    unsigned long a0, a1, a2;

    while (scanf("%ld %lu %lu %lu", &number, &a0, &a1, &a2) == 4) {
        errno = 0;
        long result = syscall(number, a0, a1, a2, 0, 0, 0);
        printf("%d\n", result < 0 ? errno : 0);
    }
}

int main(int argc, char **argv) {
    struct failure f;

    if (caps_no_new_privs(&f) < 0 || seccomp_apply(FILTER_INSTANCE, &f) < 0) {
        fprintf(stderr, "%s: %s: %s\n", f.step, f.detail, strerror(f.err));
        return 1;
    }
    if (argc == 2)
        foreign_call(argv[1]);
    else
        sweep();
    return 0;
}
