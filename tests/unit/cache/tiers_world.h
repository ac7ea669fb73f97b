/* tiers_world.h - a store with two documents, and answers that show them. */
#pragma once
#include "base/clock.h"
#include "cache/origin.h"
#include "store/store_answers.h"
#include "unit/store/store_fixture.h"

struct tiers_world {
    struct fixture f;
    int64_t document; /* "a"; "b" is the other */
    int64_t epoch;
};

struct tiers_change {
    struct tiers_world *w;
    struct fix_document *put; /* NULL: w->document goes */
};

static inline int tiers_change_in(struct store_tx *tx, void *arg)
{
    int rc = ERR_OK;
    struct tiers_change *c = arg;

    if (c->put)
        TRY(store_tx_put_document(tx, c->w->f.collection, &c->put->row, c->put->chunks, c->put->n));
    else
        TRY(store_tx_delete_document(tx, c->w->document));
    TRY(store_tx_bump_epoch(tx, c->w->f.collection, &c->w->epoch));
out:
    return rc;
}

static inline int64_t tiers_put_document(struct tiers_world *w, const char *key, unsigned seed)
{
    struct fix_document d = fix_document(&w->f, key, 2, seed, seed);
    struct tiers_change c = {w, &d};

    MUST(store_write(w->f.store, tiers_change_in, NULL, &c));
    return d.row.id;
}

static inline void tiers_delete_document(struct tiers_world *w)
{
    struct tiers_change c = {w, NULL};

    MUST(store_write(w->f.store, tiers_change_in, NULL, &c));
}

static inline void tiers_world_open(struct tiers_world *w)
{
    fix_up(&w->f);
    w->document = tiers_put_document(w, "a", 1);
    tiers_put_document(w, "b", 2);
}

static inline void tiers_world_close(struct tiers_world *w)
{
    fix_down(&w->f);
}

static inline struct answer_origin tiers_asker(const struct tiers_world *w, const char *prompt)
{
    return (struct answer_origin){.prompt_hash = digest_of(prompt, strlen(prompt)),
                                  .tenant = "default",
                                  .collection = "default",
                                  .epoch = (uint64_t)w->epoch};
}

/* An answer of a language model that shows "a"; lives for an hour. */
static inline struct lru_value *tiers_answer(const struct tiers_world *w, const char *prompt,
                                             const char *body)
{
    static const struct str a = {"a", 1};
    struct answer_origin o = tiers_asker(w, prompt);
    struct lru_value *v;

    o.documents = &a;
    o.n_documents = 1;
    v = origin_value(str_of(body), &o, 3600000);
    v->made_us = 300000;
    v->cost = 0.25f;
    v->tokens_in = 100;
    v->tokens_out = 20;
    return v;
}
