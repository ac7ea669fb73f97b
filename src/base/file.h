/* file.h - whole files in, whole files out.
 *
 * Threads  free of state.
 * Errors   ERR_NOT_FOUND, ERR_IO with the path and the system's reason; ERR_LIMIT over `max`.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* Appends the file's bytes to `out`. */
int file_read(const char *path, size_t max, struct buf *out);

/* Writes beside the file, syncs, and renames over it: readers see the old or the new, whole. */
int file_write_atomic(const char *path, const void *p, size_t n);

/* mkdir -p; mode 0700 for those that are made. */
int file_make_dirs(const char *path);

/* A file mapped read-only. */
struct file_map {
    const unsigned char *p;
    size_t n;
};
int file_map_open(struct file_map *out, const char *path);
void file_map_close(struct file_map *m);

/* Bytes below a folder, files only (0 when it is not there). */
uint64_t file_tree_bytes(const char *path);
