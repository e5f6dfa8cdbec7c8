/* User namespaces: who root and the function are in the host's terms. Runs in the warden. */
#ifndef TSFN_USER_H
#define TSFN_USER_H

#include "error.h"
#include <stdint.h>
#include <sys/types.h>

/* 4096 ranges of PROTO_UIDS host uids, which no other server of this machine uses. The last one belongs to no
 * sandbox: the server's zygotes run as its last uid, which also owns the sandboxes' user namespaces. The
 * kernel gives an owner every right over its namespace (capabilities(7)), and so a zygote without a
 * capability can enter those whose descriptors it is handed. */
struct uid_block {
    uint32_t base;
    int lock; /* held as long as the warden lives */
};

int uid_block_claim(struct uid_block *block, struct failure *f);
/* First host uid of the sandbox in this slot. */
uint32_t uid_range(const struct uid_block *block, unsigned slot);
uid_t uid_zygote(const struct uid_block *block);
/* Of pause, which zygotes must not meddle with, and of the closer. */
uid_t uid_pause(const struct uid_block *block);
uid_t uid_closer(const struct uid_block *block);
/* In the maker: namespaces that it makes from now on belong to `owner`; it keeps its capabilities. */
int user_become_owner(uid_t owner, struct failure *f);
/* In the maker, once it is in its own user namespace: how much that may have of what the kernel counts for
 * the owner of all of them together, with `proc`, the host's /proc. */
int user_limit_shared(int proc, struct failure *f);
/* Maps 0 … PROTO_UIDS - 1 of the process's user namespace to its range, uids and gids alike. */
int user_map(pid_t pid, uint32_t base, struct failure *f);

#endif
