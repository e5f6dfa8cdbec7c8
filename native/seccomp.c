/* Installs a filter. The list of calls is filter_list.h; filter_gen.c compiles it to the files in filters/
 * ahead of time (docs/decisions/0002-filters-compiled-ahead.md). Runs in the process that becomes an instance
 * or a zygote, as its last step before exec, and in a clone before it returns to JavaScript. */
#include "seccomp.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define ARCHITECTURE "x86_64"
#elif defined(__aarch64__)
#define ARCHITECTURE "aarch64"
#else
#error "no system call filter for this architecture: add it to filter_gen.c and run make filters"
#endif

#define INCLUDE_FILTER(name)                                                                                 \
    __asm__(".pushsection .rodata\n"                                                                         \
            ".balign 8\n"                                                                                    \
            ".hidden " #name "_filter\n"                                                                     \
            ".globl " #name "_filter\n" #name "_filter:\n"                                                   \
            ".incbin \"filters/" #name "." ARCHITECTURE ".bpf\"\n"                                           \
            ".hidden " #name "_filter_end\n"                                                                 \
            ".globl " #name "_filter_end\n" #name "_filter_end:\n"                                           \
            ".popsection\n")

INCLUDE_FILTER(instance);
INCLUDE_FILTER(zygote);
INCLUDE_FILTER(clone);

#define HIDDEN __attribute__((visibility("hidden")))
extern const struct sock_filter instance_filter[] HIDDEN;
extern const struct sock_filter instance_filter_end[] HIDDEN;
extern const struct sock_filter zygote_filter[] HIDDEN;
extern const struct sock_filter zygote_filter_end[] HIDDEN;
extern const struct sock_filter clone_filter[] HIDDEN;
extern const struct sock_filter clone_filter_end[] HIDDEN;

static const struct {
    const struct sock_filter *begin, *end;
} filters[] = {[FILTER_INSTANCE] = {instance_filter, instance_filter_end},
               [FILTER_ZYGOTE] = {zygote_filter, zygote_filter_end},
               [FILTER_CLONE] = {clone_filter, clone_filter_end}};

int seccomp_apply(enum filter which, struct failure *f) {
    const struct sock_filter *filter = filters[which].begin;
    ptrdiff_t instructions = filters[which].end - filter;
    struct sock_fprog program = {
        .len = (unsigned short)instructions,
        /* The kernel only reads it; its header forgot the const. */
        .filter = (struct sock_filter *)(uintptr_t)filter,
    };

    long done = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program);
    if (done < 0) return fail(f, "apply seccomp filter", "%td instructions", instructions);
    if (done > 0) {
        errno = EBUSY;
        return fail(f, "apply seccomp filter", "thread %ld has a filter of its own", done);
    }
    return 0;
}
