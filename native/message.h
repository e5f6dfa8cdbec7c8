/* Reading and writing the bodies of messages (proto.h). Runs in the warden; every byte read is hostile. */
#ifndef TSFN_MESSAGE_H
#define TSFN_MESSAGE_H

#include "error.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A cursor over one body. The first bad read sets `bad`, and every later one returns 0 or "". */
struct reader {
    uint8_t *at;
    uint8_t *end;
    bool bad;
};

uint8_t read_u8(struct reader *r);
uint16_t read_u16(struct reader *r);
uint32_t read_u32(struct reader *r);
uint64_t read_u64(struct reader *r);
/* NUL-terminated, in place: the string is moved over its own length. Bad if it holds a NUL. */
const char *read_string(struct reader *r);
/* True if everything was read, to the last byte, and nothing was bad. */
bool read_complete(const struct reader *r);

/* A buffer that grows. `failed` is set when memory ran out; the bytes are then incomplete. */
struct writer {
    uint8_t *bytes;
    size_t used;
    size_t size;
    bool failed;
};

void write_u8(struct writer *w, uint8_t value);
void write_u16(struct writer *w, uint16_t value);
void write_u32(struct writer *w, uint32_t value);
void write_u64(struct writer *w, uint64_t value);
void write_string(struct writer *w, const char *value);
/* string step, u32 errno, string detail */
void write_failure(struct writer *w, const struct failure *failure);
void write_bytes(struct writer *w, const void *bytes, size_t count);

#define cleanup_writer __attribute__((cleanup(writer_free)))
void writer_free(struct writer *w);

#endif
