/* Installs the instance filter. The list of calls is filter_list.h; filter_gen.c compiles it to the files in
 * filters/ ahead of time (docs/decisions/0002-filters-compiled-ahead.md). Runs in the process that becomes an
 * instance, as its last step before exec. */
#include "seccomp.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define FILTER_FILE "filters/instance.x86_64.bpf"
#elif defined(__aarch64__)
#define FILTER_FILE "filters/instance.aarch64.bpf"
#else
#error "no system call filter for this architecture: add it to filter_gen.c and run make filters"
#endif

__asm__(".pushsection .rodata\n"
        ".balign 8\n"
        ".hidden instance_filter\n"
        ".globl instance_filter\n"
        "instance_filter:\n"
        ".incbin \"" FILTER_FILE "\"\n"
        ".hidden instance_filter_end\n"
        ".globl instance_filter_end\n"
        "instance_filter_end:\n"
        ".popsection\n");

extern const struct sock_filter instance_filter[];
extern const struct sock_filter instance_filter_end[];

int seccomp_apply(struct failure *f) {
    ptrdiff_t instructions = instance_filter_end - instance_filter;
    struct sock_fprog program = {
        .len = (unsigned short)instructions,
        /* The kernel only reads it; its header forgot the const. */
        .filter = (struct sock_filter *)(uintptr_t)instance_filter,
    };

    long done = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program);
    if (done < 0) return fail(f, "apply seccomp filter", "%td instructions", instructions);
    if (done > 0) {
        errno = EBUSY;
        return fail(f, "apply seccomp filter", "thread %ld has a filter of its own", done);
    }
    return 0;
}
