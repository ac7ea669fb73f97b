/* metadata.h - what is known about a document beside its text, from three places.
 *
 * Later wins: the document's own (front matter, record), the --meta-file's row for its path, what
 * --meta says. Names beginning with "_" are the filter's built-in fields and refused; null takes
 * a field away again.
 *
 * Limits   METADATA_BYTES_MAX of JSON a document, META_ROWS_MAX rows.
 * Threads  immutable once opened.
 */
#pragma once
#include <jansson.h>

#include "base/arena.h"
#include "base/str.h"

#define METADATA_BYTES_MAX (64u << 10)
#define META_FILE_MAX      (256u << 20)
#define META_ROWS_MAX      1000000

/* The rows of a --meta-file: {"path": "capital/a.md", ...fields}. */
struct meta_rows;

/* ERR_FORMAT, ERR_EXISTS (a path twice) with file and line. */
int meta_rows_open(struct meta_rows **out, const char *file);
void meta_rows_close(struct meta_rows *m);

/* The fields for a path, borrowed; NULL when there is no row (or m is NULL). */
const json_t *meta_rows_find(const struct meta_rows *m, struct str path);

/* The three merged, as canonical JSON in `mem`. Each may be NULL; each must be an object. */
int metadata_merge(const json_t *own, const json_t *row, const json_t *given, struct arena *mem,
                   struct str *out);
