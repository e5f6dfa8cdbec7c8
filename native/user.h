/* User namespaces: who root and the function are in the host's terms. Runs in the warden. */
#ifndef TSFN_USER_H
#define TSFN_USER_H

#include "error.h"
#include <stdint.h>
#include <sys/types.h>

/* 4096 ranges of PROTO_UIDS host uids, which no other server of this machine uses. */
struct uid_block {
    uint32_t base;
    int lock; /* held as long as the warden lives */
};

int uid_block_claim(struct uid_block *block, struct failure *f);
/* First host uid of the sandbox in this slot. */
uint32_t uid_range(const struct uid_block *block, unsigned slot);
/* Maps 0 … PROTO_UIDS - 1 of the process's user namespace to its range, uids and gids alike. */
int user_map(pid_t pid, uint32_t base, struct failure *f);

#endif
