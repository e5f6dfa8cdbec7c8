/* The warden, once at its start: which cgroup hierarchies this machine has mounted, and where. */
#include "cgroup.h"
#include "textfile.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One line of /proc/self/mountinfo: "36 31 0:33 / /sys/fs/cgroup/devices rw shared:9 - cgroup cgroup
 * rw,devices".
 */
struct mount_line {
    char root[192];
    char point[192];
    char type[32];
    char options[192]; /* the super block's */
};

static bool parse_line(const char *line, struct mount_line *mount) {
    const char *dash = strstr(line, " - ");
    return dash != NULL && sscanf(line, "%*s %*s %*s %191s %191s", mount->root, mount->point) == 2 &&
           sscanf(dash, " - %31s %*s %191s", mount->type, mount->options) == 2;
}

static bool has_word(const char *list, const char *word, const char *separators) {
    size_t length = strlen(word);
    for (const char *at = list; (at = strstr(at, word)) != NULL; at += length) {
        bool starts = at == list || strchr(separators, at[-1]) != NULL;
        if (starts && (at[length] == '\0' || strchr(separators, at[length]) != NULL)) return true;
    }
    return false;
}

static unsigned controllers_in(const char *list, const char *separators) {
    static const struct {
        const char *name;
        unsigned bit;
    } known[] = {{"memory", CGROUP_MEMORY},
                 {"cpu", CGROUP_CPU},
                 {"pids", CGROUP_PIDS},
                 {"cpuacct", CGROUP_CPUACCT},
                 {"devices", CGROUP_DEVICES}};
    unsigned found = 0;
    for (unsigned i = 0; i < sizeof known / sizeof known[0]; i++)
        if (has_word(list, known[i].name, separators)) found |= known[i].bit;
    return found;
}

static unsigned controllers_v2(const char *point) {
    char path[256], list[256];
    snprintf(path, sizeof path, "%s/cgroup.controllers", point);
    if (text_read(AT_FDCWD, path, list, sizeof list) < 0) return 0;
    return controllers_in(list, " \n") & (CGROUP_MEMORY | CGROUP_CPU | CGROUP_PIDS);
}

static void keep_tree(struct cgroups *c, const struct mount_line *mount, bool v2) {
    struct cgroup_tree tree = {.v2 = v2, .parent = -1};
    memcpy(tree.mount, mount->point, sizeof tree.mount);
    tree.controllers = v2 ? controllers_v2(mount->point) : controllers_in(mount->options, ",");
    if (!v2 && (tree.controllers & CGROUP_DEVICES) && c->devices.mount[0] == '\0') c->devices = tree;
    for (int i = 0; i < c->count; i++)
        tree.controllers &= ~c->trees[i].controllers;
    bool useful = tree.controllers & (CGROUP_MEMORY | CGROUP_CPU | CGROUP_PIDS | CGROUP_CPUACCT);
    if ((!useful && !v2) || (v2 && c->v2 >= 0) || c->count == CGROUP_MOST_TREES) return;
    if (v2) c->v2 = c->count;
    c->trees[c->count++] = tree;
}

/* Where the warden came from in the devices hierarchy: "5:devices:/path". */
static int find_home(struct cgroups *c, struct failure *f) {
    char text[4096];
    if (c->devices.mount[0] == '\0') return 0;
    if (text_read(AT_FDCWD, "/proc/self/cgroup", text, sizeof text) < 0)
        return fail(f, "find cgroups", "/proc/self/cgroup");
    for (char *rest = text, *line; (line = strsep(&rest, "\n")) != NULL;) {
        char *names = strchr(line, ':');
        char *path = names == NULL ? NULL : strchr(names + 1, ':');
        if (path == NULL) continue;
        *path++ = '\0';
        if (has_word(names + 1, "devices", ",")) snprintf(c->home, sizeof c->home, "%s", path);
    }
    return 0;
}

static int check_complete(const struct cgroups *c, struct failure *f) {
    static const struct {
        const char *name;
        unsigned bit;
    } needed[] = {{"memory", CGROUP_MEMORY}, {"cpu", CGROUP_CPU}, {"pids", CGROUP_PIDS}};
    unsigned found = 0;
    for (int i = 0; i < c->count; i++)
        found |= c->trees[i].controllers;
    for (unsigned i = 0; i < sizeof needed / sizeof needed[0]; i++) {
        if (found & needed[i].bit) continue;
        errno = ENOENT;
        return fail(f, "find cgroups", "the %s controller is in no mounted hierarchy", needed[i].name);
    }
    return 0;
}

int cgroups_find(struct cgroups *c, const char *server_id, struct failure *f) {
    *c = (struct cgroups){.v2 = -1, .devices = {.parent = -1}};
    snprintf(c->name, sizeof c->name, "tsfn-%s", server_id);
    FILE *file = fopen("/proc/self/mountinfo", "re");
    if (file == NULL) return fail(f, "find cgroups", "/proc/self/mountinfo");
    char *line = NULL;
    size_t size = 0;
    struct mount_line mount;
    while (getline(&line, &size, file) > 0) {
        if (!parse_line(line, &mount) || strcmp(mount.root, "/") != 0) continue;
        if (strcmp(mount.type, "cgroup2") == 0)
            keep_tree(c, &mount, true);
        else if (strcmp(mount.type, "cgroup") == 0)
            keep_tree(c, &mount, false);
    }
    free(line);
    fclose(file);
    return check_complete(c, f) < 0 ? -1 : find_home(c, f);
}
