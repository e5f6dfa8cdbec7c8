/* Capabilities and privilege gain. Runs in the process that will become an instance, and in tsfnd before its
 * exec. */
#ifndef TSFN_CAPS_H
#define TSFN_CAPS_H

#include "error.h"

/* Empties the bounding set; needs CAP_SETPCAP, so it runs before the uid changes. */
int caps_drop_bounding(struct failure *f);
/* Empties the ambient, inheritable, permitted and effective sets and checks that all five are empty. Call
 * after the uid is final. */
int caps_drop_all(struct failure *f);
int caps_no_new_privs(struct failure *f);

#endif
