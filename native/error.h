/* The error convention of native/: a function returns 0 or a negative value and fills in one failure record.
 */
#ifndef TSFN_ERROR_H
#define TSFN_ERROR_H

#include <errno.h>

/* Which step failed, with which errno, on what. `step` is a string literal; it names a line of contain.c. */
struct failure {
    const char *step;
    int err;
    char detail[192];
};

/* Records errno and the step, returns -1, so that callers write: return fail(f, "mount overlay", "%s", path);
 */
int fail(struct failure *f, const char *step, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
