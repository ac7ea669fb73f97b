/* extract_reply.h - what the extraction helper says of a file, as the parent takes it in.
 *
 * A helper may have fallen to the file that it reads, so nothing it sends is trusted: see
 * extract_wire.h for the bytes and what must hold of them. Of errors it may tell those of one file;
 * what would end an ingest of many, or that somebody has left, is not for it to say.
 *
 * Threads  free of state.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "extract/textout.h"

/* Where the bytes come from: all n of them, or what is wrong (ERR_GONE: the helper is). */
struct extract_source {
    int (*receive)(void *arg, void *p, size_t n);
    void *arg;
};

/* Fills `out`, which must be fresh, and is so again after an error. *answered: the helper has said
 * all that it had to, be it an error, and can be given the next file. ERR_FORMAT for what no helper
 * says. */
int extract_reply_read(const struct extract_source *from, int64_t text_bytes, struct textout *out,
                       bool *answered);
