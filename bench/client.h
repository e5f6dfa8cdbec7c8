/* What the load drivers share: connections to a server on this machine, and the clock. Whatever fails ends
 * the program with a line on stderr. */
#ifndef TSFN_BENCH_CLIENT_H
#define TSFN_BENCH_CLIENT_H

#include <stdint.h>
#include <stdnoreturn.h>

#define second_ns INT64_C(1000000000)

/* With errno's words. */
noreturn void fail(const char *what);
/* `result`, unless it is negative. */
int check(int result, const char *what);
/* On the monotonic clock. */
int64_t now_ns(void);
/* A socket that sends without delay. */
int connect_to(int port);

#endif
