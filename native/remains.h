/* What a sandbox leaves: an old root after each reset, its mounts after its end. The closer frees them; what
 * waits for that is here. */
#ifndef TSFN_REMAINS_H
#define TSFN_REMAINS_H

#include "sandboxes.h"

/* A fresh writable layer under the running instance; the reply is sent now or later. */
void sandbox_reset(struct warden *w, struct sandbox *s, struct owed owed);
/* Of a running zygote. On failure part of it may have happened. */
void sandbox_claim(struct warden *w, struct sandbox *s, const struct sandbox_spec *claim, struct owed owed);
/* No process of it is left, and it has been asked for, or never came to be: everything of it goes, and then
 * whoever is owed for it gets the reply. */
void sandbox_remove(struct warden *w, struct sandbox *s);
/* Another try where the control groups were busy. */
void sandboxes_retry_removal(struct warden *w);

/* The closer has closed something of the sandbox in this slot. */
void remains_closed(struct warden *w, uint32_t slot);
/* The closer has ended, and everything that it held is closed. */
void remains_all_closed(struct warden *w);

#endif
