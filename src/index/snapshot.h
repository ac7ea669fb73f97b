/* snapshot.h - one immutable state of one collection: segments, and what of them is dead.
 *
 *   snapshot (epoch 7)            snapshot (epoch 8): one document deleted, two added
 *     view -> segment A             view -> segment A + dead {3 chunks, their words}
 *     view -> segment B             view -> segment B
 *                                   view -> segment C
 *
 * A new state shares all segments with the one before; deleting copies only the small arrays of
 * the views it touches. So the number of chunks, in how many of them a word stands, and the
 * average length are exact at any time, and a score is what the plain formula over the living
 * chunks says. Small neighbours are merged as in a log-structured tree: each document is copied
 * O(log n) times in its life, and there are O(log n) views. The writer merges what is small
 * (writer_merge_max); the rest is merged beside it, into files (index/embedded_seal.c), and
 * snapshot_sealed puts the result in the place of the views it was made from.
 *
 * Summaries of documents are no chunks among others: they would stand in every list and move every
 * number. They are the chunks of a second state inside the first, which changes with it.
 *
 * What is dead can be found no more, but the numbers made from it (vectors, words) stay in memory
 * and in the index file until a merge leaves them out, a view that is half dead at the latest:
 * states that others still read are never written to. The database is another matter, there
 * deleted bytes are overwritten.
 *
 * Threads  immutable and counted; snapshot_next is called by one writer at a time.
 */
#pragma once
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "index/retriever.h"
#include "index/segment.h"

/* Never changed once it is in a snapshot that others can see. */
struct dead {
    atomic_int refs;
    uint64_t *chunks, *documents; /* bitmaps */
    uint32_t *df;                 /* [n_terms] dead chunks that have the term */
    size_t n_chunks, n_documents;
    uint64_t n_words;
};

struct view {
    struct segment *segment;
    struct dead *dead; /* NULL: all of it lives */
};

/* What searching needs and all snapshots of one model and one way to cut words share; it outlives
 * them. */
struct index_context {
    struct index_context *older; /* made before; freed with the retriever */
    struct store *store;
    struct word_settings words;
    struct analyzers *analyzers; /* of `words` */
    struct digest fingerprint;
    size_t dim;
    double k1, b;
    size_t writer_merge_max; /* chunks and documents; SIZE_MAX where nobody seals */
};

struct snapshot {
    atomic_int refs;
    const struct index_context *context;
    uint64_t epoch;
    size_t n_chunks, n_documents; /* living */
    uint64_t n_words;
    struct snapshot *summaries; /* those of the documents, as a state of its own; NULL: none */
    size_t n_views;
    struct view views[];
};

struct snapshot *snapshot_empty(const struct index_context *context, uint64_t epoch);

/* The state after `old`: documents with these keys gone, the living part of `added` (NULL: none;
 * its reference is taken) come. was_there[i] tells whether keys[i] was found (may be NULL).
 * `refused` names documents of `added` that are not to be seen (NULL: none). The same of the
 * summaries of documents that come. */
struct change {
    uint64_t epoch;
    const struct str *keys;
    size_t n_keys;
    struct segment *added;
    const uint64_t *refused;
    struct segment *summaries;
    const uint64_t *refused_summaries;
    const struct seal *seal; /* [2] instead of all that: arguments of snapshot_sealed */
};
struct snapshot *snapshot_next(const struct snapshot *old, const struct change *c, bool *was_there);

/* ---- sealing (index/embedded_seal.c) ---- */

/* Chunks and documents that a merge would copy. */
size_t view_living(const struct view *v);

/* Half dead: to be rewritten even when nothing is added, so that memory follows what is there. */
bool view_is_wasteful(const struct view *v);

/* The views from.. of the older state `base` are in one segment now (NULL: nothing of them lived).
 */
struct seal {
    const struct snapshot *base; /* NULL: nothing is sealed */
    size_t from;
    struct segment *sealed;
};

/* The state `now` with that in the place of those views, among the chunks and among the summaries,
 * and dead in it what died since then. NULL when the views are not all there any more. The epoch is
 * the same: nobody finds anything else than before. */
struct snapshot *snapshot_sealed(const struct snapshot *now, const struct seal *chunks,
                                 const struct seal *summaries);

/* A state of segments that came from files. */
struct saved_view {
    struct segment *segment;        /* borrowed */
    const uint64_t *dead_documents; /* bitmap; NULL: none */
};
struct snapshot *snapshot_of_views(const struct index_context *context, uint64_t epoch,
                                   const struct saved_view *views, size_t n,
                                   struct snapshot *summaries /* taken */);

/* In how many living chunks a word stands. */
uint64_t snapshot_df(const struct snapshot *s, struct str word);

/* The same, and the word's term in each view: to terms[i * stride], BM25_NONE where it is not. */
uint64_t snapshot_terms(const struct snapshot *s, struct str word, uint32_t *terms, size_t stride);

size_t snapshot_bytes(const struct snapshot *s);
