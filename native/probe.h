/* What this kernel can do, for `tsfn doctor` and before the first sandbox. Runs in the warden; also a command
 * of its own: `warden --probe` prints one line per feature: name TAB ok|missing|degraded TAB detail. */
#ifndef TSFN_PROBE_H
#define TSFN_PROBE_H

#include <stdint.h>

#define PROBE_MOST 64

enum probe_result { PROBE_MISSING = 0, PROBE_OK = 1, PROBE_DEGRADED = 2 };

struct probe_feature {
    const char *name; /* kebab-case and stable: gateway/cli has a remedy for each */
    uint8_t result;   /* enum probe_result, as PROTO_PROBE's ok */
    char detail[160];
};

/* Fills in at most `most` features by trying each one for real in a forked child; returns how many. */
int probe_all(struct probe_feature *features, int most);
/* `warden --probe`: prints them; 0 if nothing is missing, else 1. */
int probe_main(void);

#endif
