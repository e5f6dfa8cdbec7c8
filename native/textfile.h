/* Small files of the kernel (cgroups, /proc), relative to a directory descriptor. Runs in every process. */
#ifndef TSFN_TEXTFILE_H
#define TSFN_TEXTFILE_H

#include <stddef.h>
#include <stdint.h>

/* Writes the text with one write(), as such files want it. 0, or -1 with errno. */
int text_write(int dir, const char *path, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Reads at most size - 1 bytes and terminates them. 0, or -1 with errno. */
int text_read(int dir, const char *path, char *text, size_t size);
/* The number a file consists of; 0 if there is no such file or it holds none ("max"). */
uint64_t text_read_number(int dir, const char *path);
/* The number after `key` on a line of its own; 0 if there is none. */
uint64_t text_read_field(int dir, const char *path, const char *key);

#endif
