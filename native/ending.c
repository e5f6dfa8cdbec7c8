/* A clone cannot end as Node ends: the platform's destructor waits for threads that were the zygote's, and
 * for event loops that were theirs. node::SetProcessExitHandler, which embedders of Node are given (node.h),
 * puts _exit() in its place. Output is not lost: Node writes to pipes and files at once. Runs in a clone.
 *
 * The functions have C++ names and types. What crosses is one pointer each, v8::Local<> being a pointer that
 * is copied trivially, but for a std::function, whose layout is libstdc++'s (bits/std_function.h): that of
 * every Node built for glibc. */
#include "ending.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <unistd.h>

struct function {
    void *bound[2];
    bool (*manage)(void *to, const void *from, int operation);
    void (*invoke)(const void *bound, void **environment, int *code);
};

int ending_find(struct ending *e) {
    *(void **)&e->isolate = dlsym(RTLD_DEFAULT, "_ZN2v87Isolate10GetCurrentEv");
    *(void **)&e->context = dlsym(RTLD_DEFAULT, "_ZN2v87Isolate17GetCurrentContextEv");
    *(void **)&e->environment =
        dlsym(RTLD_DEFAULT, "_ZN4node21GetCurrentEnvironmentEN2v85LocalINS0_7ContextEEE");
    *(void **)&e->set_handler =
        dlsym(RTLD_DEFAULT, "_ZN4node21SetProcessExitHandlerEPNS_11EnvironmentEOSt8functionIFvS1_iEE");
    bool all = e->isolate != NULL && e->context != NULL && e->environment != NULL && e->set_handler != NULL;
    return all ? 0 : -ENOSYS;
}

static void end_at_once(const void *bound, void **environment, int *code) {
    (void)bound;
    (void)environment;
    _exit(*code);
}

/* Nothing is bound, so there is nothing to copy and nothing to destroy. */
static bool manage_nothing(void *to, const void *from, int operation) {
    (void)to;
    (void)from;
    (void)operation;
    return false;
}

void ending_set(const struct ending *e) {
    struct function function = {.manage = manage_nothing, .invoke = end_at_once};
    e->set_handler(e->environment(e->context(e->isolate())), &function);
}
