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

static inline void made_put_one(struct world *w, size_t i, struct arena *mem)
{
    size_t dim = embedder_info(w->engine->embedder)->dim, topic = i % MADE_TOPICS;
    struct str text = str_of(arena_printf(mem, "%s number %zu", made_topics[topic], i));
    struct str key = str_of(arena_printf(mem, "made-%zu", i));
    float *vector = ARENA_ARRAY(mem, float, dim);
    int8_t *sentence = ARENA_ARRAY(mem, int8_t, dim);
    struct digest hash = digest_of(text.p, text.n);
    struct chunk_row chunk = {.id = hash64_stable(key.p, key.n),
                              .end = (uint32_t)text.n,
                              .text = text,
                              .text_hash = hash};
    struct vector_row row = {.text_hash = hash,
                             .vector = vector,
                             .sentence_vectors = sentence,
                             .n_sentences = 1,
                             .dim = (uint32_t)dim};
    struct upsert u = {.document = {.key = key,
                                    .root = STR_LIT(""),
                                    .uri = STR_LIT(""),
                                    .title = STR_LIT("made"),
                                    .metadata = STR_LIT("{}"),
                                    .hash = hash,
                                    .ingested_ms = clock_wall_ms(),
                                    .n_chunks = 1,
                                    .text = text},
                       .chunks = &chunk,
                       .vectors = &row,
                       .n_chunks = 1};
    struct upsert_result result;

    vector[topic] = 1;
    sentence[topic] = 127;
    cr_assert_geq(retriever_upsert(w->engine->retriever, "default", "default", &u, 1, mem, &result),
                  0, "%s", err_text());
    cr_assert_eq(result.rc, ERR_OK, "%s", result.reason);
}

/* Chunks from..to-1, told to the static encoders as an ingest does. */
static inline void made_put(struct world *w, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        struct arena *mem = arena_new(0);

        made_put_one(w, i, mem);
        arena_free(mem);
    }
    static_encoders_changed(w->engine->static_encoders, "default", "default", to - from);
}

static inline void made_settle(struct world *w)
{
    static_encoders_settle(w->engine->static_encoders, NULL);
}
