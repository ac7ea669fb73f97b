/* tune_world.h - a collection whose questions need an adapter: what there is to learn is known.
 *
 * Document i has the vector of question i. In a spoiled collection each has, beside that, a strong
 * part of its own within a space of SPOILED directions that all share; where a question reaches
 * into that space is chance, so the plain model finds the right document seldom, and a matrix that
 * wipes those directions out finds every one, also of questions it has not seen.
 */
#pragma once
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "query/tune.h"
#include "support/world.h"

#define TUNE_SUBJECTS 120
#define TUNE_SPOILED  8 /* directions */
#define TUNE_STRENGTH 6 /* beside a vector of length 1 */

static const char *const tune_first[] = {"apple", "river",  "music", "winter", "doctor", "engine",
                                         "paper", "window", "horse", "garden", "silver", "forest"};
static const char *const tune_second[] = {"price",  "colour", "weight", "history", "owner",
                                          "season", "market", "sound",  "shape",   "name"};

static inline const char *tune_question(size_t i, struct arena *mem)
{
    return arena_printf(mem, "what is the %s of the %s", tune_second[i / 12], tune_first[i % 12]);
}

static inline float tune_chance(uint64_t seed)
{
    return (float)(hash64_stable(&seed, sizeof seed) >> 40) / (float)(1 << 24) - 0.5f;
}

/* Adds document i's own part, a mixture of directions that are the same for all. */
static inline void tune_spoil(size_t i, float *vector, size_t dim)
{
    for (size_t s = 0; s < TUNE_SPOILED; s++) {
        float much = tune_chance(1000003 * (i + 1) + s) * TUNE_STRENGTH;

        for (size_t k = 0; k < dim; k++)
            vector[k] += much * tune_chance(7777777 * (s + 1) + k) * sqrtf(12.0f / (float)dim);
    }
}

static inline void tune_scale(float *v, size_t dim)
{
    float squares = 0;

    for (size_t k = 0; k < dim; k++)
        squares += v[k] * v[k];
    for (size_t k = 0; k < dim; k++)
        v[k] /= sqrtf(squares);
}

static inline struct upsert tune_document(struct world *w, size_t i, bool spoiled,
                                          struct arena *mem)
{
    size_t dim = embedder_info(w->engine->embedder)->dim;
    struct str text = str_of(arena_printf(mem, "entry %zu", i));
    struct str key = str_of(arena_printf(mem, "subject-%zu", i));
    struct digest hash = digest_of(text.p, text.n);
    struct chunk_row *chunk = ARENA_NEW(mem, struct chunk_row);
    struct vector_row *row = ARENA_NEW(mem, struct vector_row);
    float *plain, *vector = ARENA_ARRAY(mem, float, dim);
    int8_t *sentence = ARENA_ARRAY(mem, int8_t, dim);

    cr_assert_eq(embed_query(w->engine->embedder, NULL, str_of(tune_question(i, mem)), mem, &plain),
                 ERR_OK);
    memcpy(vector, plain, dim * sizeof *vector);
    if (spoiled)
        tune_spoil(i, vector, dim);
    tune_scale(vector, dim);
    for (size_t k = 0; k < dim; k++)
        sentence[k] = (int8_t)lrintf(vector[k] * 127);
    *chunk = (struct chunk_row){.id = hash64_stable(key.p, key.n),
                                .end = (uint32_t)text.n,
                                .text = text,
                                .text_hash = hash};
    *row = (struct vector_row){.text_hash = hash,
                               .vector = vector,
                               .dim = (uint32_t)dim,
                               .sentence_vectors = sentence,
                               .n_sentences = 1};
    return (struct upsert){.document = {.key = key,
                                        .root = STR_LIT(""),
                                        .uri = STR_LIT(""),
                                        .title = STR_LIT(""),
                                        .metadata = STR_LIT("{}"),
                                        .hash = hash,
                                        .ingested_ms = 1,
                                        .n_chunks = 1,
                                        .text = text},
                           .chunks = chunk,
                           .vectors = row,
                           .n_chunks = 1};
}

static inline void tune_world_fill(struct world *w, bool spoiled)
{
    struct arena *mem = arena_new(0);
    struct upsert *ups = ARENA_ARRAY(mem, struct upsert, TUNE_SUBJECTS);
    struct upsert_result *results = ARENA_ARRAY(mem, struct upsert_result, TUNE_SUBJECTS);

    for (size_t i = 0; i < TUNE_SUBJECTS; i++)
        ups[i] = tune_document(w, i, spoiled, mem);
    cr_assert_geq(retriever_upsert(w->engine->retriever, "default", "default", ups, TUNE_SUBJECTS,
                                   mem, results),
                  0, "%s", err_text());
    for (size_t i = 0; i < TUNE_SUBJECTS; i++)
        cr_assert_eq(results[i].rc, ERR_OK, "%s", results[i].reason);
    arena_free(mem);
}

/* Every question with its own document or, shuffled, with any. (Not with the one so many further
 * on: that would be a rule, and is learnt.) */
static inline struct tune_pair *tune_world_pairs(bool shuffled, struct arena *mem)
{
    struct tune_pair *pairs = ARENA_ARRAY(mem, struct tune_pair, TUNE_SUBJECTS);

    for (size_t i = 0; i < TUNE_SUBJECTS; i++) {
        size_t any = hash64_stable(&i, sizeof i) % TUNE_SUBJECTS;

        pairs[i] =
            (struct tune_pair){.question = tune_question(i, mem),
                               .document = arena_printf(mem, "subject-%zu", shuffled ? any : i)};
    }
    return pairs;
}
