/* Requests to the kernel over netlink, built one attribute after the other in memory of a fixed size. For
 * what is the same each time: a request that does not fit is a mistake in this program. */
#ifndef TSFN_NETLINK_H
#define TSFN_NETLINK_H

#include "error.h"
#include <stddef.h>
#include <stdint.h>

#define NETLINK_MOST_BYTES 4096
#define NETLINK_MOST_MESSAGES 16

struct netlink {
    size_t used;
    size_t message; /* where the last one begins */
    unsigned count;
    const char *what[NETLINK_MOST_MESSAGES]; /* each of them asks for; NULL: no answer is awaited */
    _Alignas(4) uint8_t bytes[NETLINK_MOST_BYTES];
};

/* Begins a message: its type, its flags, and the struct that its protocol begins with. */
void netlink_begin(struct netlink *n, const char *what, uint16_t type, uint16_t flags, const void *head,
                   size_t size);
void netlink_put(struct netlink *n, uint16_t type, const void *data, size_t size);
void netlink_put_string(struct netlink *n, uint16_t type, const char *text);
void netlink_put_u32(struct netlink *n, uint16_t type, uint32_t value);
/* In network byte order, as nftables wants all its numbers. */
void netlink_put_be32(struct netlink *n, uint16_t type, uint32_t value);
/* Attributes inside an attribute: what it returns is for netlink_leave. */
size_t netlink_enter(struct netlink *n, uint16_t type);
void netlink_leave(struct netlink *n, size_t at);

/* Sends all of it at once to `protocol` of the calling process's network namespace. Fails with what the first
 * refused message asked for. */
int netlink_send(const struct netlink *n, int protocol, struct failure *f);

#endif
