/* Both processes: fills in a failure record. */
#include "error.h"

#include <stdarg.h>
#include <stdio.h>

int fail(struct failure *f, const char *step, const char *format, ...) {
    int err = errno;
    va_list args;
    va_start(args, format);
    vsnprintf(f->detail, sizeof f->detail, format, args);
    va_end(args);
    f->step = step;
    f->err = err;
    errno = err;
    return -1;
}
