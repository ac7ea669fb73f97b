/* reembed.h - from one embedding model to another, while questions are answered.
 *
 *   embed      every chunk's text, summaries too, under the new model's fingerprint, beside the
 *              old vectors; what is written meanwhile with both          ingest/coming.h
 *   rounds     again what came meanwhile; new states of all collections  index/retriever.h
 *   switch     one transaction: from now on the store is the new model's; then, between two
 *              questions, its embedder and its states are in force       engine/engine.h
 *   drop       the old vectors, slice by slice
 *
 * Up to the switch nothing is different for anybody, and what was embedded is kept: stopped or
 * killed at any moment the old model stands, and the next run does only what is missing. Stopped
 * after it, the old vectors are left over, and the next run with the same model drops them. A
 * question under way uses one model from its vector to its last score (query/query.h); an ingest
 * under way embeds again what it has not written yet (ingest/batch.h).
 *
 * The last of what came meanwhile is embedded inside the transaction, LAST_CHUNKS at most, and
 * keeps writers waiting for so long; questions never wait.
 *
 * Chunks stay as they are, and so do summaries, whose sentences the model of their ingest chose.
 * Chunks longer than the new model reads are cut by it, until the next ingest of their document,
 * which chunks anew when tokenizer or limit are others.
 *
 * Memory   both encoders and, from the rounds on, both indexes at once; on disk both sets of
 *          vectors, whose room the database uses again afterwards.
 * Threads  on the caller's; embedding spreads over the pool, in its bulk lane.
 */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "embed/embedder.h"
#include "store/store.h"

struct engine;

struct reembed_options {
    void (*progress)(void *arg, size_t n_done, size_t n_total); /* texts; NULL: nobody looks */
    void *arg;
    const atomic_bool *cancel; /* NULL: cannot be cancelled */
};

struct reembed_report {
    size_t n_embedded; /* texts; what was there already does not count */
    size_t n_dropped;  /* vectors of other models */
    bool switched;     /* false: the store was of this model already, and complete */
    double seconds;
};

/* In the process that answers. ERR_BUSY when one is under way already, or when documents come
 * faster than they can be embedded. */
int reembed(struct engine *e, struct embedder *next, const struct reembed_options *o,
            struct reembed_report *report);

/* Where nobody answers: the caller has the folder's lock. Indexes are made when it is opened. */
int reembed_folder(struct store *s, struct pool *pool, struct embedder *next,
                   const struct reembed_options *o, struct reembed_report *report);
