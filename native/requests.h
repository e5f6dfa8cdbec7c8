/* The closed set of verbs that tsfnd may ask for (proto.h). */
#ifndef TSFN_REQUESTS_H
#define TSFN_REQUESTS_H

#include "message.h"

struct warden;

/* Checks and carries out one request; the reply is sent now or later. -1: it is malformed, end the
 * connection. */
int requests_handle(struct warden *w, uint16_t verb, uint32_t request, struct reader *body);

#endif
