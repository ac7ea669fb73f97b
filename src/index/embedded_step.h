/* embedded_step.h - from one state of a collection to the next; part of the embedded retriever.
 *
 * From COMMIT on a reader no longer finds rows that the current snapshot still shows, so nothing
 * that takes time may stand between it and the swap. A snapshot is therefore built before, upon
 * `coming`: what an earlier writer of the same transaction has built, else the current one. When
 * that earlier one fails after all, `published` sees that its base never came and builds again.
 *
 * The current state changes only in `published`, on the one writer thread and in commit order, so
 * it replays what is in the database and needs no undo.
 *
 * Threads  step_make in a transaction and step_publish after it, both on the writer's thread; the
 *          rest on the caller's, who waits for the writer in between.
 */
#pragma once
#include "index/embedded.h"

/* What every job that changes a collection carries. */
struct step {
    struct retriever *r;
    const char *tenant, *collection;
    int64_t collection_id;      /* for whoever needs it */
    struct word_settings words; /* of a first state: the retriever's; they have been checked */
    struct name name;
    struct snapshot *base, *next; /* references; NULL: no such collection */
    bool made;                    /* next is there, and in `coming` */
};

struct step step_to(struct retriever *r, const char *tenant, const char *collection);

/* In the transaction, its names checked by the store. `c` NULL: the collection goes. ERR_GONE when
 * what is to be sealed is not there any more. */
int step_make(struct step *t, const struct change *c, bool *was_there);

/* After the commit. */
void step_publish(struct step *t, const struct change *c, bool *was_there);

/* The same for a state that follows no other, but is read from the store as it is in this
 * transaction (a reference is taken): the newest, so that whoever comes behind builds on it. */
void step_replace(struct step *t, struct snapshot *next);
void step_publish_replaced(struct step *t);

/* Whatever became of it, on the caller's thread: what was replaced may be freed here. */
void step_done(struct step *t);
