/* In a fork of the warden that stays: it keeps a socket and no right. */
#include "resident.h"
#include "fds.h"
#include "locks.h"

#include <sys/prctl.h>

#define OPEN_FILES 16

int resident_become(const int *fds, int count, uid_t uid, const char *name, struct failure *f) {
    if (fds_keep_only(fds, count, f) < 0) return -1;
    struct locks locks = {
        .uid = uid, .open_files = OPEN_FILES, .cwd = "/", .parent = 0, .filter = FILTER_INSTANCE};
    if (locks_close(&locks, f) < 0) return -1;
    /* Its memory is a copy of the warden's. In lists of processes it should not pass for it. */
    if (prctl(PR_SET_DUMPABLE, 0) < 0 || prctl(PR_SET_NAME, name) < 0)
        return fail(f, "hide a resident", "%s", name);
    return 0;
}
