/* The warden's end of the control stream and of the descriptor lane (proto.h). */
#ifndef TSFN_CONTROL_H
#define TSFN_CONTROL_H

#include "loop.h"
#include "message.h"
#include "proto.h"
#include <stdbool.h>

struct control {
    struct watch stream;
    int lane;
    uint8_t in[4 + PROTO_MAX_MESSAGE];
    size_t in_used;
    struct writer out;
    size_t out_sent;
    bool is_full; /* the stream takes no more for now, and is watched for that */
    bool closed;  /* the peer is gone, or broke the protocol */
};

/* Makes both sockets; tsfnd's ends are returned in theirs[0] (stream) and theirs[1] (lane). */
int control_open(struct control *c, int loop, int theirs[2], struct failure *f);
/* No request is handled any more and nothing is sent. */
void control_close(struct warden *w);
void control_reply(struct warden *w, uint16_t verb, uint32_t request, const struct writer *body);
void control_fail(struct warden *w, uint16_t verb, uint32_t request, const struct failure *failure);
void control_event(struct warden *w, uint16_t verb, const struct writer *body);
/* Sends descriptors for a request whose reply follows. They are copies: the caller still owns its own. */
int control_send_fds(struct warden *w, uint32_t request, const int *fds, int count, struct failure *f);

#endif
