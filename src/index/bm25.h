/* bm25.h - the words of a segment: postings, lengths, and the formula.
 *
 *   score(question, chunk) = sum over its words of
 *       idf * tf / (tf + k1 * (1 - b + b * length / average length))
 *   idf = ln(1 + (N - n + 0.5) / (n + 0.5))
 *
 * as Lucene has it (Robertson & Zaragoza 2009, "The Probabilistic Relevance Framework"; without
 * the constant factor k1 + 1, which changes no order). A word that stands twice in the question
 * counts twice. N, n and the average length belong to the whole collection, not to a segment; the
 * caller brings them (index/snapshot.h), so scores do not depend on how chunks are spread.
 *
 * Beside the postings stands the reverse, the distinct words of each chunk: 4 bytes a word, a
 * seventh of the vector. It makes deleting and merging exact without reading or analysing a text.
 *
 * Threads  the builder is confined, the finished index immutable.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "index/dict.h"
#include "text/words.h"

struct posting {
    uint32_t slot, tf;
};

struct bm25 {
    uint32_t n_chunks;
    uint32_t n_terms;
    struct dict *terms;
    size_t *list_start;    /* [n_terms + 1] into postings */
    struct posting *lists; /* by term, slots ascending */
    uint32_t *length;      /* [n_chunks] words, repeated ones too */
    size_t *word_start;    /* [n_chunks + 1] into words */
    uint32_t *words;       /* by chunk: its distinct terms */
    uint64_t n_words;      /* sum of length */
};

struct bm25_builder;
struct bm25_builder *bm25_builder_new(void);
void bm25_add_chunk(struct bm25_builder *b, struct word_analyzer *a, struct str text);
struct bm25 *bm25_finish(struct bm25_builder *b); /* frees b */
void bm25_free(struct bm25 *b);

/* One index of several, chunks in order of the parts; dead[i] is the bitmap of the chunks of part
 * i that are left out (NULL: none). */
struct bm25 *bm25_merge(const struct bm25 *const *parts, const uint64_t *const *dead, size_t n);

/* In how many chunks of this segment the term stands. */
static inline uint32_t bm25_df(const struct bm25 *b, uint32_t term)
{
    return (uint32_t)(b->list_start[term + 1] - b->list_start[term]);
}

double bm25_idf(uint64_t n_chunks, uint64_t df);

struct bm25_norm {
    double k1, b, mean_length;
};

/* scores[slot] += weight * tf / (tf + norm) for every chunk that has the term. */
void bm25_accumulate(const struct bm25 *b, uint32_t term, float weight,
                     const struct bm25_norm *norm, float *scores);

size_t bm25_bytes(const struct bm25 *b);
