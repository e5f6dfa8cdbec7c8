/* What this kernel can do, for `tsfn doctor` and before the first sandbox. Runs in the warden; also a command
 * of its own: `warden --probe` prints one line per feature: name TAB ok|missing|degraded TAB detail. */
#ifndef TSFN_PROBE_H
#define TSFN_PROBE_H

#include <stdint.h>

enum probe_result { PROBE_MISSING = 0, PROBE_OK = 1, PROBE_DEGRADED = 2 };

struct probe_feature {
    const char *name;
    uint8_t result; /* enum probe_result, as PROTO_PROBE's ok */
    char detail[160];
};

/* Fills in at most `most` features by trying each one for real in a forked child; returns how many. */
int probe_all(struct probe_feature *features, int most);

#endif
