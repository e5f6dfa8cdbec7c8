/* Runs a command under the real filter: under_filter program argument… */
#include "caps.h"
#include "seccomp.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv) {
    struct failure f;

    if (argc < 2) return 2;
    if (caps_no_new_privs(&f) < 0 || seccomp_apply(FILTER_INSTANCE, &f) < 0) {
        fprintf(stderr, "%s: %s: %s\n", f.step, f.detail, strerror(f.err));
        return 1;
    }
    execvp(argv[1], argv + 1);
    perror(argv[1]);
    return 127;
}
