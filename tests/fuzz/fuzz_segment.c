/* fuzz_segment.c - a segment's file, as it is and with its checksums put right. Behind right
 * checksums contents are believed; that they are there, and of the sizes that are told, is not. */
#include "base/err.h"
#include "fuzz/fuzz.h"
#include "fuzz/seal.h"
#include "index/segment_file.h"

#define DIM 4

static void open_bytes(struct str bytes)
{
    struct segment *s = NULL;

    if (segment_map(&s, fuzz_file(bytes), DIM) < 0)
        return;
    FUZZ_TRUE(s->dim == DIM && dict_count(s->keys) == s->n_documents);
    FUZZ_TRUE(s->words->n_chunks == s->n_chunks);
    FUZZ_TRUE(s->n_chunks * DIM * sizeof(float) <= bytes.n);
    segment_unref(s);
}

FUZZ_TARGET(segment)
{
    open_bytes(in);
    open_bytes(seal_sections(in, mem));
}
