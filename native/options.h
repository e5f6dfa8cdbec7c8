/* The warden's command line. */
#ifndef TSFN_OPTIONS_H
#define TSFN_OPTIONS_H

#include <stdbool.h>
#include <sys/types.h>

struct options {
    bool probe;
    const char *id;       /* 8 of 0-9 and a-f: the server's */
    const char *data_dir; /* absolute; belongs to root */
    const char *run_dir;  /* absolute; belongs to tsfnd's user */
    const char *program;  /* absolute: tsfnd's package */
    uid_t user;
    gid_t group;
    bool die_with_parent; /* the guardian does, and the warden with it */
    char **argv;          /* tsfnd's */
};

/* 0, or -1 after one line on stderr that says what is wrong. */
int options_parse(struct options *o, int argc, char **argv);

#endif
