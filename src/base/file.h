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

/* The same in parts. What fails first is kept and returned by file_commit; nothing is at `path`
 * before that. */
struct file_writer;
struct file_writer *file_begin(const char *path);
void file_put(struct file_writer *w, const void *p, size_t n);
void file_put_at(struct file_writer *w, uint64_t at, const void *p,
                 size_t n);                           /* over what is there */
uint64_t file_put_bytes(const struct file_writer *w); /* put so far */
int file_commit(struct file_writer *w);               /* frees w */
void file_abandon(struct file_writer *w);             /* frees w */

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
