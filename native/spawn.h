/* Starting tsfnd: an ordinary user's process with two sockets to the warden. */
#ifndef TSFN_SPAWN_H
#define TSFN_SPAWN_H

#include "warden.h"

/* theirs: tsfnd's ends of the stream and of the lane; closed here. Waits for the exec. */
int spawn_tsfnd(struct warden *w, int theirs[2], struct failure *f);

#endif
