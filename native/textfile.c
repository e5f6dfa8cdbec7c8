/* Every process of native/: the kernel's small text files. */
#include "textfile.h"
#include "fds.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int text_write(int dir, const char *path, const char *format, ...) {
    char text[256];
    va_list args;
    va_start(args, format);
    int length = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (length < 0 || (size_t)length >= sizeof text) {
        errno = EOVERFLOW;
        return -1;
    }
    cleanup_fd int fd = openat(dir, path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) return -1;
    return write(fd, text, (size_t)length) == length ? 0 : -1;
}

int text_read(int dir, const char *path, char *text, size_t size) {
    cleanup_fd int fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return -1;
    size_t used = 0;
    while (used < size - 1) {
        ssize_t count = read(fd, text + used, size - 1 - used);
        if (count < 0) return -1;
        if (count == 0) break;
        used += (size_t)count;
    }
    text[used] = '\0';
    return 0;
}

/* A number comes whole. */
uint64_t text_read_number(int dir, const char *path) {
    char text[64];
    cleanup_fd int fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
    ssize_t count = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (count < 0) return 0;
    text[count] = '\0';
    return strtoull(text, NULL, 10);
}

uint64_t text_read_field(int dir, const char *path, const char *key) {
    char text[4096];
    if (text_read(dir, path, text, sizeof text) < 0) return 0;
    size_t length = strlen(key);
    for (const char *line = text; *line != '\0';) {
        if (strncmp(line, key, length) == 0 && line[length] == ' ')
            return strtoull(line + length + 1, NULL, 10);
        const char *newline = strchr(line, '\n');
        if (newline == NULL) break;
        line = newline + 1;
    }
    return 0;
}
