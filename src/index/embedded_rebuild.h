/* embedded_rebuild.h - states that follow no other: made from the store beside the current ones,
 * they take their place in one step; part of the embedded retriever.
 *
 *   rounds       states of what the store has; again for what came meanwhile, until one is short
 *   transaction  what came since the last round, every epoch moved, `commit`
 *   published    `published`, then all new states at once; questions under way keep theirs
 *
 * Nothing is different for anybody before the transaction is durable.
 *
 * Threads  one at a time, others are sent away with ERR_BUSY; the hooks of the transaction and
 *          `published` run on the writer's thread, the rest on the caller's.
 */
#pragma once
#include "index/embedded.h"

/* A hook may be NULL, except `context`. */
struct rebuild {
    const char *tenant, *collection; /* of this one; NULL: of all */
    /* What the collection's new state is made with. */
    int (*context)(void *arg, const struct collection_row *row, const struct index_context **out);
    int (*prepare)(void *arg); /* before each round */
    /* In the transaction, before what changed after `epoch` is read. */
    int (*prepare_changed)(void *arg, struct store_tx *tx, int64_t collection, uint64_t epoch);
    int (*commit)(void *arg, struct store_tx *tx); /* the last of the transaction */
    void (*published)(void *arg);
    void *arg;
};

int collections_rebuild(struct retriever *r, const struct rebuild *how);
