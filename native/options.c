/* The warden: its command line, parsed once and checked completely. */
#include "options.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define USAGE                                                                                                \
    "usage: warden --id ID --data-dir DIR --run-dir DIR --user UID --group GID --program DIR "               \
    "[--die-with-parent] -- COMMAND…, or warden --probe"

static int refuse(const char *name, const char *value, const char *wanted) {
    fprintf(stderr, "warden: %s is \"%s\": wanted %s; %s\n", name, value == NULL ? "" : value, wanted, USAGE);
    return -1;
}

static bool id_valid(const char *id) {
    return id != NULL && strlen(id) == 8 && strspn(id, "0123456789abcdef") == 8;
}

/* Not root's: tsfnd reads what strangers send. */
static bool parse_unprivileged(const char *text, uint32_t *number) {
    char *end;
    if (text == NULL || strspn(text, "0123456789") != strlen(text)) return false;
    errno = 0;
    unsigned long value = strtoul(text, &end, 10);
    *number = (uint32_t)value;
    return errno == 0 && *text != '\0' && *end == '\0' && value > 0 && value < UINT32_MAX;
}

static bool directory_valid(const char *path) {
    return path != NULL && path[0] == '/' && strlen(path) < PATH_MAX - 32;
}

struct raw {
    const char *user;
    const char *group;
};

static const char **text_option(struct options *o, struct raw *raw, const char *flag) {
    const struct {
        const char *flag;
        const char **value;
    } known[] = {{"--id", &o->id},           {"--data-dir", &o->data_dir}, {"--run-dir", &o->run_dir},
                 {"--program", &o->program}, {"--user", &raw->user},       {"--group", &raw->group}};
    for (unsigned i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcmp(flag, known[i].flag) == 0) return known[i].value;
    return NULL;
}

static int read_flags(struct options *o, struct raw *raw, int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        const char **value = text_option(o, raw, argv[i]);
        if (strcmp(argv[i], "--") == 0) {
            o->argv = argv + i + 1;
            return 0;
        }
        if (strcmp(argv[i], "--probe") == 0)
            o->probe = true;
        else if (strcmp(argv[i], "--die-with-parent") == 0)
            o->die_with_parent = true;
        else if (value == NULL || i + 1 == argc)
            return refuse("argument", argv[i], value == NULL ? "a known flag" : "a value after it");
        else
            *value = argv[++i];
    }
    return 0;
}

int options_parse(struct options *o, int argc, char **argv) {
    struct raw raw = {0};
    *o = (struct options){0};
    if (read_flags(o, &raw, argc, argv) < 0) return -1;
    if (o->probe) return 0;
    if (!id_valid(o->id)) return refuse("--id", o->id, "8 of 0-9 and a-f");
    if (!directory_valid(o->data_dir)) return refuse("--data-dir", o->data_dir, "an absolute path");
    if (!directory_valid(o->run_dir)) return refuse("--run-dir", o->run_dir, "an absolute path");
    if (!directory_valid(o->program)) return refuse("--program", o->program, "an absolute path");
    if (!parse_unprivileged(raw.user, &o->user)) return refuse("--user", raw.user, "a uid from 1");
    if (!parse_unprivileged(raw.group, &o->group)) return refuse("--group", raw.group, "a gid from 1");
    if (o->argv == NULL || o->argv[0] == NULL) return refuse("command", "", "tsfnd's command line after --");
    return 0;
}
