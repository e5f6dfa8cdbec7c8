/* The warden: bodies of messages as bytes, little endian on every machine. */
#include "message.h"

#include <stdlib.h>
#include <string.h>

static uint64_t read_number(struct reader *r, size_t width) {
    if (r->bad || (size_t)(r->end - r->at) < width) {
        r->bad = true;
        return 0;
    }
    uint64_t value = 0;
    for (size_t i = 0; i < width; i++)
        value |= (uint64_t)r->at[i] << (8 * i);
    r->at += width;
    return value;
}

uint8_t read_u8(struct reader *r) {
    return (uint8_t)read_number(r, 1);
}
uint16_t read_u16(struct reader *r) {
    return (uint16_t)read_number(r, 2);
}
uint32_t read_u32(struct reader *r) {
    return (uint32_t)read_number(r, 4);
}
uint64_t read_u64(struct reader *r) {
    return read_number(r, 8);
}

const char *read_string(struct reader *r) {
    size_t length = read_u16(r);
    if (r->bad || (size_t)(r->end - r->at) < length || memchr(r->at, 0, length) != NULL) {
        r->bad = true;
        return "";
    }
    /* The two bytes of the length make room for the terminator. */
    char *string = (char *)r->at - 2;
    memmove(string, r->at, length);
    string[length] = '\0';
    r->at += length;
    return string;
}

bool read_complete(const struct reader *r) {
    return !r->bad && r->at == r->end;
}

void write_bytes(struct writer *w, const void *bytes, size_t count) {
    if (w->failed || count == 0) return;
    if (w->used + count > w->size) {
        size_t size = (w->used + count) * 2;
        uint8_t *grown = realloc(w->bytes, size);
        if (grown == NULL) {
            w->failed = true;
            return;
        }
        w->bytes = grown;
        w->size = size;
    }
    memcpy(w->bytes + w->used, bytes, count);
    w->used += count;
}

static void write_number(struct writer *w, uint64_t value, size_t width) {
    uint8_t bytes[8];
    for (size_t i = 0; i < width; i++)
        bytes[i] = (uint8_t)(value >> (8 * i));
    write_bytes(w, bytes, width);
}

void write_u8(struct writer *w, uint8_t value) {
    write_number(w, value, 1);
}
void write_u16(struct writer *w, uint16_t value) {
    write_number(w, value, 2);
}
void write_u32(struct writer *w, uint32_t value) {
    write_number(w, value, 4);
}
void write_u64(struct writer *w, uint64_t value) {
    write_number(w, value, 8);
}

void write_string(struct writer *w, const char *value) {
    size_t length = strnlen(value, UINT16_MAX);
    write_u16(w, (uint16_t)length);
    write_bytes(w, value, length);
}

void write_failure(struct writer *w, const struct failure *failure) {
    write_string(w, failure->step);
    write_u32(w, (uint32_t)failure->err);
    write_string(w, failure->detail);
}

void writer_free(struct writer *w) {
    free(w->bytes);
    *w = (struct writer){0};
}
