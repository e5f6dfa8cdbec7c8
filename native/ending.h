/* How a clone ends: at once. */
#ifndef TSFN_ENDING_H
#define TSFN_ENDING_H

/* Node's way out, found in the running Node. Its types are C++; these are what they are made of. */
struct ending {
    void *(*isolate)(void);
    void *(*context)(void *isolate);
    void *(*environment)(void *context);
    void (*set_handler)(void *environment, void *function);
};

/* 0 or -ENOSYS. */
int ending_find(struct ending *ending);
/* In a clone, called from JavaScript: from now on process.exit() and what nobody catches end it by _exit().
 */
void ending_set(const struct ending *ending);

#endif
