/* static_encoders.h - one static encoder a collection: when it is fitted, kept, loaded.
 *
 *   ingest ends -> changed() -> due? -> read chunks and sentences -> fit -> index/static-NAME.bin
 *
 * Due      with STATIC_CHUNKS_MIN chunks and none yet, and when the chunks that came since the last
 *          fit are a tenth of those it saw (counted in the store, so also across processes).
 * Who fits a server's own thread, of low priority and alone, so that neither a request nor an
 *          acknowledgement waits for it; without a server whoever calls static_encoders_settle
 *          (the end of ingest_paths), with all of the pool.
 * Bounds   linear up to STATIC_SENTENCES_FIT chunks, beyond it sentences of every n-th chunk are
 *          used, beyond STATIC_CHUNKS_FIT only every n-th chunk. Processor time and memory while it
 *          lasts: 2,067 chunks 0.9 s and 60 MB; 20,000 about 5 s and 120 MB; at most about 20 s and
 *          230 MB (STATIC_FIT_ENTRIES_MAX), beside reading the store.
 * File     as embed/static_encoder.h says; missing, damaged, of another model, collection or a
 *          later epoch than the store's: as if there were none, and a fit is due.
 * Threads  locked.
 */
#pragma once
#include <stdatomic.h>

#include "embed/embedder.h"
#include "embed/static_encoder.h"
#include "store/store.h"

#define STATIC_CHUNKS_MIN    200
#define STATIC_CHUNKS_FIT    65536
#define STATIC_SENTENCES_FIT 32768 /* chunks whose sentences are used */

struct static_encoders;

struct static_encoders_options {
    struct store *store;
    struct embedder *embedder;
    struct pool *pool;
    const char *data_dir;
    bool off; /* nothing is fitted, there never is one, questions always take the encoder */
};

/* What the options name outlives it, but for the embedder, of which a reference is taken. */
struct static_encoders *static_encoders_new(const struct static_encoders_options *o);
void static_encoders_free(struct static_encoders *s); /* a running fit is given up */

bool static_encoders_off(const struct static_encoders *s);

/* For a server: from now on a thread fits what is due, beginning with all collections there are. */
void static_encoders_start(struct static_encoders *s);

/* The collection's, with a reference (static_encoder_unref), or NULL. Reads the file when it is
 * asked for the first time, never waits for a fit. */
struct static_encoder *static_encoders_get(struct static_encoders *s, const char *tenant,
                                           const char *collection);

/* So many chunks were written. Costs next to nothing. */
void static_encoders_changed(struct static_encoders *s, const char *tenant, const char *collection,
                             size_t n_chunks);

/* The collection is gone: its encoder and file go too. */
void static_encoders_dropped(struct static_encoders *s, const char *tenant, const char *collection);

/* Another model is in force: what was fitted to the old one is gone, and a fit is due. */
void static_encoders_take_model(struct static_encoders *s, struct embedder *next);

/* Fits what is due, here and now; does nothing when a thread does it. A fit that fails is a line in
 * the log: it is a convenience, and the next ingest tries again. */
void static_encoders_settle(struct static_encoders *s, const atomic_bool *cancel);
