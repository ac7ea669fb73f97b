/* sections.h - one file of named arrays: written once, then mapped and read in place.
 *
 *   offset   bytes  what
 *   0        8      "RAGDSECT"
 *   8        4      version of this layout, 1
 *   12       4      number of sections n
 *   16       8      bytes of the whole file
 *   24       8      offset of the directory
 *   32       8      checksum of the directory
 *   40       16     zero
 *   56       8      checksum of the bytes before it
 *   64       ...    sections, each at a multiple of SECTION_ALIGN, zeros between
 *   ...      n*64   directory, sorted by name: name[32] (NUL-padded), offset u64, bytes u64,
 * checksum u64, zero u64
 *
 * A checksum is XXH3, 64 bits.
 * Numbers are little-endian, as in memory on every processor we run on. Opening reads the head and
 * the directory only, so it takes the same time whatever the size; sections_verify reads all, and
 * before it said yes nothing that was read may be trusted: not even to stay within bounds.
 *
 * Threads  a writer is confined; an open file is immutable.
 * Errors   ERR_IO; ERR_NO_SPACE; ERR_LIMIT for more than SECTIONS_MAX; ERR_FORMAT names the file
 * and what is wrong with it.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#define SECTION_ALIGN    64
#define SECTION_NAME_MAX 31 /* bytes of a name, prefix included */
#define SECTIONS_MAX     (1u << 22)

/* ---- writing ---- */

struct sections_writer;

/* Writes beside `path`; nothing is there under that name before sections_commit. Never fails: the
 * first error is kept and returned by sections_commit. */
struct sections_writer *sections_create(const char *path);

/* A section of n items; p is borrowed during the call only. A name may come once. n may be 0. */
void sections_add(struct sections_writer *w, const char *name, const void *p, size_t n,
                  size_t item_bytes);

/* The same in parts: begin, then bytes as they come, then end. */
void sections_begin(struct sections_writer *w, const char *name);
void sections_put(struct sections_writer *w, const void *p, size_t n_bytes);
void sections_end(struct sections_writer *w);

/* Syncs and puts the file in its place, whole or not at all. Frees w. */
int sections_commit(struct sections_writer *w);
void sections_abandon(struct sections_writer *w); /* frees w and removes what was written */

/* ---- reading ---- */

struct sections;

int sections_open(struct sections **out, const char *path);
void sections_close(struct sections *s); /* NULL is fine; what sections_get gave is gone */

/* The section's items, or NULL when it is not there or its bytes are no whole number of items. A
 * section of nothing gives a pointer that may not be read. */
const void *sections_get(const struct sections *s, const char *name, size_t item_bytes,
                         size_t *n_items);

/* Reads every byte: ERR_FORMAT naming the first section whose checksum differs. */
int sections_verify(const struct sections *s);

/* The pages of sections whose names begin so need not stay in memory, because they were copied.
 * They may be read again all the same. */
void sections_let_go(const struct sections *s, const char *prefix);

size_t sections_bytes(const struct sections *s);     /* of the file */
const char *sections_path(const struct sections *s); /* as it was opened; borrowed */
