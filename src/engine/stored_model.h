/* stored_model.h - which model a folder's vectors are of, and which one is configured.
 *
 *   the store says        and then
 *   nothing, or it is     the configured model is the store's from now on
 *     without chunks
 *   the configured one    all is well
 *   another, and nobody   model.path is the folder that the store names: after
 *     set model.path      `ragd reembed --model M` nothing else has to be told
 *   another               ERR_ARGUMENT: both names, and that `ragd reembed` changes over
 *
 * It is not done unasked, and a question is never compared with another's vectors.
 *
 * Two models are the same when their fingerprints are, wherever they lie and whatever the
 * precision.
 *
 * Threads  free of state.
 */
#pragma once
#include "base/arena.h"
#include "embed/embedder.h"
#include "engine/config.h"
#include "store/store.h"

/* The store's folder in place of a default that nobody chose, if that folder is there and any chunk
 * is embedded with it. */
void stored_model_settle(struct config *c, const struct store_model *m);

/* The same for what DIR/ragd.db says, whoever owns it; nothing when it says nothing. */
void stored_model_settle_folder(struct config *c);

/* What a folder's vectors are of. */
struct vector_kind {
    struct digest fingerprint;
    size_t dim;
};

/* What the store says of that, before any model is open; false when there are none. */
bool stored_model_vectors(struct store *s, struct vector_kind *out);

/* Whether the embedder is the store's; makes it so where that loses nothing. */
int stored_model_agree(struct store *s, const char *data_dir, const struct embedder *e);

/* What the store is to say of an embedder; strings live in mem. */
void stored_model_describe(const struct embedder *e, struct arena *mem, struct store_model *out);
