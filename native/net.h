/* The network of a sandbox: loopback and nothing else. Runs in the process that makes it. */
#ifndef TSFN_NET_H
#define TSFN_NET_H

#include "error.h"

/* Brings `lo` of the calling process's network namespace up, with 127.0.0.1 and ::1. */
int net_loopback_up(struct failure *f);

#endif
