/* Whether anything was written to an instance's writable layer since it was last fresh; asked after every
 * invocation. runtime/guest/layer-watch.ts says what counts as a trace and why. By path, although to hold the
 * directories open would cost less: an instance has no descriptor of a directory that it did not open. */
#include "libtsfn.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#define MOST_PLACES 8
#define MOST_PATH 64

struct look {
    int error; /* why it cannot be looked at: most often it is not there */
    uint64_t inode;
    struct statx_timestamp changed;
};

struct place {
    char path[MOST_PATH];
    struct look clean;
};

static struct place places[MOST_PLACES];
static int place_count;
static uint64_t clean_free_inodes;
static bool has_clean;

static struct look look_at(const struct place *place) {
    struct statx found;
    struct look look = {.error = 0};

    if (statx(AT_FDCWD, place->path, AT_STATX_DONT_SYNC, STATX_CTIME | STATX_INO, &found) < 0) {
        look.error = errno;
        return look;
    }
    look.inode = found.stx_ino;
    look.changed = found.stx_ctime;
    return look;
}

static bool is_same(struct look a, struct look b) {
    return a.error == b.error && a.inode == b.inode && a.changed.tv_sec == b.changed.tv_sec &&
           a.changed.tv_nsec == b.changed.tv_nsec;
}

/* statfs goes through the overlay to the tmpfs above it. */
static int count_free_inodes(uint64_t *count) {
    struct statfs found;
    if (statfs("/", &found) < 0) return -errno;
    *count = found.f_ffree;
    return 0;
}

int tsfn_layer_watch(const char *paths) {
    place_count = 0;
    while (*paths != '\0') {
        size_t length = strcspn(paths, "\n");
        if (place_count == MOST_PLACES || length >= MOST_PATH) return -ENAMETOOLONG;
        struct place *place = &places[place_count++];
        *place = (struct place){.path = ""};
        memcpy(place->path, paths, length);
        paths += length + (paths[length] == '\n');
    }
    return 0;
}

int tsfn_layer_renew(void) {
    for (int i = 0; i < place_count; i++)
        places[i].clean = look_at(&places[i]);
    int result = count_free_inodes(&clean_free_inodes);
    has_clean = result == 0;
    return result;
}

int tsfn_layer_is_dirty(void) {
    uint64_t free_inodes = 0;

    if (!has_clean || count_free_inodes(&free_inodes) < 0 || free_inodes != clean_free_inodes) return 1;
    for (int i = 0; i < place_count; i++)
        if (!is_same(look_at(&places[i]), places[i].clean)) return 1;
    return 0;
}
