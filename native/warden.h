/* What the parts of the warden share: one record, passed along; there is no other state. */
#ifndef TSFN_WARDEN_H
#define TSFN_WARDEN_H

#include "closer.h"
#include "contain.h"
#include "control.h"
#include "options.h"
#include "sandboxes.h"

struct warden {
    struct options options;
    int loop;
    struct watch signals;
    struct containment containment;
    struct sandboxes sandboxes;
    struct closer closer;
    struct control control;
    pid_t tsfnd;      /* 0 once it is reaped */
    int tsfnd_status; /* as the warden's own exit status */
    int stop_signals; /* how many have come */
};

#endif
