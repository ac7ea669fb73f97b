/* segment.h - an immutable run of documents with their chunks: vectors, words, columns.
 *
 *   document 0 | chunk 0 1 2 | document 1 | chunk 3 | document 2 (no chunks) | ...
 *
 * A document's chunks are neighbours. Deleting never touches a segment: a view in a snapshot
 * (index/snapshot.h) says what of it is dead, and a merge leaves that out.
 *
 * Building copies no text: words are counted as chunks arrive, or in bulk, by several threads.
 *
 * Threads  the builder is confined; a segment is immutable and counted (_ref/_unref).
 */
#pragma once
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/pool.h"
#include "base/str.h"
#include "index/bm25.h"
#include "index/code_scan.h"
#include "index/columns.h"
#include "index/dict.h"
#include "index/filter_bits.h"
#include "index/flat.h"
#include "index/hnsw.h"
#include "store/store.h"
#include "text/analyzers.h"

struct sections;

struct segment {
    atomic_int refs;
    atomic_bool sealing; /* being merged into a file: no one else's to merge */
    size_t n_chunks, n_documents, dim;
    struct sections *file; /* where the arrays are; NULL: on the heap */

    float *vectors;      /* [n_chunks, dim], 64-byte aligned; zero where missing */
    uint64_t *no_vector; /* bitmap of the chunks without one; NULL: all have theirs */
    uint8_t *codes;  /* [n_chunks, codes_stride(dim)] of the vectors; NULL where there is a graph */
    float codes_cut; /* the most that a code lost (index/code_scan.h) */
    struct hnsw *graph; /* over those that have a vector; NULL: the codes are scanned */
    uint64_t *chunk_id; /* [n_chunks] */
    uint32_t *document; /* [n_chunks] the document's place */

    struct dict *keys;     /* document keys; the id is the document's place */
    uint32_t *first_chunk; /* [n_documents + 1] */
    uint64_t *document_id; /* [n_documents] the store's */
    uint64_t *version;     /* [n_documents] document_version of the row */

    struct bm25 *words;
    struct columns *columns;
    struct filter_bits *filter_bits; /* of filters asked for before */
};

/* Tells a row of a document from one that replaced it. A chunk's id does not: it is the same when
 * only the title or the metadata is another. */
uint64_t document_version(const struct document_row *doc);

struct segment *segment_ref(struct segment *s);
void segment_unref(struct segment *s); /* NULL is fine */
size_t segment_bytes(const struct segment *s);
struct flat segment_flat(const struct segment *s);
struct flat_codes segment_codes(const struct segment *s); /* where there is no graph */

/* ---- building ---- */

struct segment_builder;

/* pool NULL: words are counted on this thread. chunks_hint: room made for vectors at once. */
struct segment_builder *segment_builder_new(size_t dim, size_t chunks_hint, struct analyzers *words,
                                            struct pool *pool);

/* Its chunks follow. A key may come once. */
void segment_add_document(struct segment_builder *b, const struct document_row *doc);

/* vector [dim], or NULL: then the chunk is found by its words alone. Everything borrowed. */
void segment_add_chunk(struct segment_builder *b, const struct chunk_row *chunk,
                       const float *vector);

struct segment *segment_finish(struct segment_builder *b); /* frees b */

/* ---- merging ---- */

/* What is left out of a segment; NULL bitmaps: nothing. */
struct segment_part {
    const struct segment *segment;
    const uint64_t *dead_chunks, *dead_documents;
};
struct segment *segment_merge(const struct segment_part *parts, size_t n);

/* From so many vectors on there is a graph. On Zen 3 (AVX2) a search by vectors scans 10,000 codes
 * in 108 us and walks a graph of 100,000 in 62 (make bench-scale), so walking would pay from some
 * thousands on; below this the scan is exact, and building waits for nobody. */
#define SEGMENT_GRAPH_MIN 16384

/* Gives a merged segment its graph, grown from the largest one among the parts, if it is large
 * enough. ERR_CANCELLED when *stop became true meanwhile: then it stays as it was. */
int segment_add_graph(struct segment *s, const struct segment_part *parts, size_t n, int n_threads,
                      const atomic_bool *stop);
bool segment_wants_graph(const struct segment *s);
