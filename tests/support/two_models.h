/* two_models.h - a world whose documents are embedded with one tiny model, and another one of the
 * same shape: nothing but the fingerprint tells their vectors apart. */
#pragma once
#include <math.h>

#include "engine/embedding.h"
#include "ingest/reembed.h"
#include "support/world.h"
#include "unit/embed/tiny_model.h"

struct two_models {
    struct world w; /* config names `one` */
    struct tiny_model one, two;
};

static inline void two_models_open(struct two_models *t)
{
    struct tiny_tensor *rows;

    tiny_open(&t->one);
    tiny_open(&t->two);
    rows = tiny_find(&t->two, "embeddings.word_embeddings.weight");
    for (size_t i = 0; i < tiny_size(rows); i += 3)
        rows->v[i] = -rows->v[i];
    tiny_write_weights(&t->two, "F32");
    t->w = (struct world){.dir = "/tmp/ragd-test-XXXXXX"};
    cr_assert_not_null(mkdtemp(t->w.dir));
    config_defaults(&t->w.config);
    t->w.config.chunk.chars = 200;
    t->w.config.chunk.overlap = 0;
    snprintf(t->w.config.data, sizeof t->w.config.data, "%s/data", t->w.dir);
    cr_assert_eq(config_set(&t->w.config, "model.path", t->one.dir, "test"), ERR_OK);
    strcpy(t->w.config.model.precision, "f32"); /* as open_tiny: a score tells the two apart */
    world_reopen(&t->w);
}

static inline void two_models_close(struct two_models *t)
{
    world_close(&t->w);
    tiny_close(&t->one);
    tiny_close(&t->two);
}

static inline struct embedder *open_tiny(const struct tiny_model *m)
{
    struct embedder_options o = {.model_dir = m->dir, .precision = "f32"};
    struct embedder *e = NULL;

    cr_assert_eq(embedder_open(&e, &o), ERR_OK, "%s", err_text());
    return e;
}

/* Documents "d0".. of some letters each. */
static inline void two_models_put(struct two_models *t, int from, int to)
{
    for (int i = from; i < to; i++) {
        char id[16], text[64];

        snprintf(id, sizeof id, "d%d", i);
        snprintf(text, sizeof text, "a%c b%c c%c. d%c e%c.", 'a' + i % 26, 'a' + i / 26 % 26,
                 'b' + i % 25, 'c' + i % 24, 'd' + i % 23);
        world_put(&t->w, id, text, NULL);
    }
}

/* A text of a dozen chunks that reads like sentences, so it gets a summary; mem_free it. */
static inline char *long_text(void)
{
    struct buf b;

    buf_init(&b);
    for (int i = 0; i < 40; i++) {
        for (int word = 0; word < 8; word++)
            buf_addf(&b, "%s%c%c%c%c%c", word ? " " : "", 'a' + (i + word) % 5, 'a' + i % 4,
                     'a' + word % 5, 'b' + (i * word) % 3, 'a' + (i + 2 * word) % 5);
        buf_add_str(&b, ". ");
    }
    return buf_take(&b);
}

static inline int change_to(struct two_models *t, const struct tiny_model *m,
                            struct reembed_report *report)
{
    struct reembed_options o = {0};
    struct embedder *next = open_tiny(m);
    int rc = reembed(t->w.engine, next, &o, report);

    embedder_close(next);
    return rc;
}

/* The model whose cosine of question and first hit a search gave: 1, 2, or 0 for neither. */
static inline int model_of_first_hit(struct two_models *t, const struct answer *ans,
                                     const char *question)
{
    const struct tiny_model *models[] = {&t->one, &t->two};
    int found = 0;

    cr_assert_gt(ans->hits.n, 0);
    for (int i = 0; i < 2; i++) {
        struct embedder *e = open_tiny(models[i]);
        struct arena *mem = arena_new(0);
        struct embed_item item = {.text = ans->passages[0].text, .vector = arena_alloc(mem, 96)};
        float *q, dot = 0;

        cr_assert_eq(embed_query(e, NULL, str_of(question), mem, &q), ERR_OK);
        cr_assert_eq(embed_documents(e, NULL, &item, 1), ERR_OK);
        for (size_t d = 0; d < embedder_info(e)->dim; d++)
            dot += q[d] * item.vector[d];
        if (fabsf(dot - ans->hits.v[0].vector_score) < 2e-3f)
            found = found ? 0 : i + 1;
        arena_free(mem);
        embedder_close(e);
    }
    return found;
}

/* Chunks and summaries without a vector. */
static inline size_t count_missing(struct two_models *t, const struct tiny_model *m)
{
    struct embedder *e = open_tiny(m);
    struct digest fingerprint = embedder_fingerprint(e);
    struct store_reader *reader = store_reader_get(t->w.engine->store);
    uint64_t missing = 0;

    cr_assert_eq(store_count_missing(reader, &fingerprint, &missing), ERR_OK);
    store_reader_put(t->w.engine->store, reader);
    embedder_close(e);
    return (size_t)missing;
}

/* Where no document has a summary. */
static inline size_t count_vectors(struct two_models *t, const struct tiny_model *m)
{
    struct store_reader *reader = store_reader_get(t->w.engine->store);
    struct collection_row row;
    struct arena *mem = arena_new(0);

    cr_assert_eq(store_find_collection(reader, "default", "default", mem, &row), ERR_OK);
    store_reader_put(t->w.engine->store, reader);
    arena_free(mem);
    return (size_t)row.n_chunks - count_missing(t, m);
}
