/* The process above the warden. When the warden is killed, what it leaves becomes the guardian's children
 * instead of those of a first process that may be slow to reap them, or never does. */
#ifndef TSFN_GUARDIAN_H
#define TSFN_GUARDIAN_H

#include <stdbool.h>

/* Forks. In the child, which is to be the warden and dies with the guardian: -1. In the guardian: once the
 * warden and everything below it are gone, the warden's exit status; 128 + n if signal n ended it. */
int guardian_start(bool die_with_parent);

#endif
