/* summaries_world.h - an engine whose summaries a fake language model writes, and long documents.
 */
#pragma once
#include "ingest/model_summaries.h"
#include "support/chat_world.h"
#include "support/library.h"

/* What every long document bears out. */
#define SUMMARY_SAID "The bank must hold capital against losses of kind 3."

static inline void summaries_world_configure(struct chat_world *c)
{
    struct config *config = &c->w.config;

    c->model.text = SUMMARY_SAID;
    strcpy(config->ingest.summary_model, "fast");
    config->chunk.chars = 250;
    config->chunk.overlap = 0;
    config->llm[0].price_in = 1;
    config->llm[0].price_out = 2;
    world_reopen(&c->w);
}

#define SUMMARIES_WORLD_OPEN(c)                                                                    \
    do {                                                                                           \
        CHAT_WORLD_OPEN((c), 1);                                                                   \
        summaries_world_configure(c);                                                              \
    } while (0)

/* A document of a dozen chunks; `more` makes it another version. */
static inline void put_long(struct world *w, const char *id, const char *more)
{
    struct buf b;

    buf_init(&b);
    for (int i = 0; i < 12; i++)
        buf_addf(&b, "The bank must hold capital against losses of kind %d. %s %s\n\n", i,
                 "Its board reviews the ratios of capital each year and tells the supervisor what "
                 "it has found, what it will do about it, and by when that will be done.",
                 more);
    world_put(w, id, b.p, NULL);
    buf_done(&b);
}

/* "": it has none. In `mem`. */
static inline struct str summary_stored(struct world *w, const char *key, struct arena *mem)
{
    struct str summary = STR_LIT("");
    struct document_row row;
    struct chunk_row *chunks;
    struct store_reader *reader;
    size_t n;

    cr_assert(library_find(w, key, mem, &row));
    reader = store_reader_get(w->engine->store);
    cr_assert_eq(store_document_chunks(reader, row.id, mem, &chunks, &n), ERR_OK);
    store_reader_put(w->engine->store, reader);
    for (size_t i = 0; i < n; i++)
        if (chunks[i].kind == CHUNK_SUMMARY)
            summary = chunks[i].text;
    cr_expect_eq((size_t)row.n_chunks, n - (summary.n > 0));
    return summary;
}

static inline bool is_made(struct world *w, const char *key)
{
    struct arena *mem = arena_new(0);
    bool made = str_eq(summary_stored(w, key, mem), STR_LIT(SUMMARY_SAID));

    arena_free(mem);
    return made;
}

static inline struct model_summaries make_summaries(struct world *w)
{
    struct model_summaries out;

    cr_assert_eq(model_summaries_make(w->engine, &(struct model_summaries_options){0}, &out),
                 ERR_OK, "%s", err_text());
    return out;
}
