/* rows.h - the files of scripts/bench-data, mapped: a text a line, or rows of a fixed size.
 *
 * Threads  immutable once open.
 * Errors   as file_map_open has them; ERR_FORMAT when a file ends within a row or a line.
 */
#pragma once
#include <stddef.h>

#include "base/file.h"
#include "base/str.h"

struct lines {
    struct file_map file;
    size_t *starts; /* [n + 1] */
    size_t n;
};
int lines_open(struct lines *out, const char *path);
void lines_close(struct lines *l);
struct str lines_at(const struct lines *l, size_t i); /* without its end */

struct table {
    struct file_map file;
    size_t n;
};
int table_open(struct table *out, const char *path, size_t row_bytes);
void table_close(struct table *t);

/* Rows of `dim` floats from the i-th on. */
static inline const float *table_floats(const struct table *t, size_t i, size_t dim)
{
    return (const float *)t->file.p + i * dim;
}
