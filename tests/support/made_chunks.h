/* made_chunks.h - chunks with made-up vectors, written past the encoder: hundreds in a moment.
 *
 * Chunk i says "topic<T> item<I>" (words that the tokenizer cuts anyhow) for topic i % MADE_TOPICS,
 * and its vector is the topic's axis. So a static encoder fitted to them is known: a question that
 * names a topic points along its axis.
 */
#pragma once
#include "support/world.h"

#define MADE_TOPICS 5

static const char *const made_topics[MADE_TOPICS] = {"apple", "river", "music", "winter", "doctor"};

/* The chunk, its vector and its document, all in `mem`. */
static inline struct upsert made_one(struct world *w, size_t i, struct arena *mem)
{
    size_t dim = embedder_info(w->engine->embedder)->dim, topic = i % MADE_TOPICS;
    struct str text = str_of(arena_printf(mem, "%s number %zu", made_topics[topic], i));
    struct str key = str_of(arena_printf(mem, "made-%zu", i));
    struct digest hash = digest_of(text.p, text.n);
    struct chunk_row *chunk = ARENA_ARRAY(mem, struct chunk_row, 1);
    struct vector_row *row = ARENA_ARRAY(mem, struct vector_row, 1);
    float *vector = ARENA_ARRAY(mem, float, dim);
    int8_t *sentence = ARENA_ARRAY(mem, int8_t, dim);

    vector[topic] = 1;
    sentence[topic] = 127;
    *chunk = (struct chunk_row){.id = hash64_stable(key.p, key.n),
                                .end = (uint32_t)text.n,
                                .text = text,
                                .text_hash = hash};
    *row = (struct vector_row){.text_hash = hash,
                               .vector = vector,
                               .sentence_vectors = sentence,
                               .n_sentences = 1,
                               .dim = (uint32_t)dim};
    return (struct upsert){.document = {.key = key,
                                        .root = STR_LIT(""),
                                        .uri = STR_LIT(""),
                                        .title = STR_LIT("made"),
                                        .metadata = STR_LIT("{}"),
                                        .hash = hash,
                                        .ingested_ms = clock_wall_ms(),
                                        .n_chunks = 1,
                                        .text = text},
                           .chunks = chunk,
                           .vectors = row,
                           .n_chunks = 1};
}

/* Chunks from..to-1, told to the static encoders as an ingest does. */
static inline void made_put(struct world *w, size_t from, size_t to)
{
    struct arena *mem = arena_new(0);
    size_t n = to - from;
    struct upsert *ups = ARENA_ARRAY(mem, struct upsert, n + 1);
    struct upsert_result *results = ARENA_ARRAY(mem, struct upsert_result, n + 1);

    for (size_t i = 0; i < n; i++)
        ups[i] = made_one(w, from + i, mem);
    if (n)
        cr_assert_geq(
            retriever_upsert(w->engine->retriever, "default", "default", ups, n, mem, results), 0,
            "%s", err_text());
    for (size_t i = 0; i < n; i++)
        cr_assert_eq(results[i].rc, ERR_OK, "%s", results[i].reason);
    static_encoders_changed(w->engine->static_encoders, "default", "default", n);
    arena_free(mem);
}

static inline void made_settle(struct world *w)
{
    static_encoders_settle(w->engine->static_encoders, NULL);
}
