/* bm25.h - the words of a segment: postings, sequences, and the formula.
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
 * Kept are, beside the words themselves, for each chunk its sequence and for each term its
 * postings.
 *
 * A sequence is the chunk's words in order, as term ids. What is scored is counted here, and
 * deleting and merging read no text. BM25_BREAK stands between the fields of a chunk
 * (index/fields.h), one less than there are fields and also around empty ones: no run of words goes
 * from one into the next, and a word's field is the number of breaks before it.
 *
 * Postings are the slots of the chunks that have the term, and for each a code: which cell of at
 * most 256 holds its (tf, length). A cell knows the largest tf and the smallest length
 * in it, so whatever k1, b and average length are asked for, what the formula says of the cell is
 * at least what it says of its postings. Searching (bm25_search.c) adds such bounds and scores
 * exactly what may be among the best. Cells are numbered by what they bring at CELL_K1, CELL_B and
 * the segment's own average length.
 *
 * Memory   4 bytes a word and 5 a posting, some 32 a term and 16 a chunk.
 * Threads  the builder is confined, the finished index immutable.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/sections.h"
#include "base/str.h"
#include "index/dict.h"
#include "index/topk.h"
#include "text/words.h"

#define BM25_BREAK UINT32_MAX /* in a sequence: here a field ends */
#define BM25_NONE  UINT32_MAX /* in a question: no chunk of this segment has the word */
#define BM25_CELLS 256

/* The postings of one code; tf 0: there are none. */
struct bm25_cell {
    uint32_t tf;     /* the largest */
    uint32_t length; /* the smallest */
};

/* The words of a chunk; together, since scoring reads all of it. */
struct bm25_text {
    uint64_t start;  /* of its sequence */
    uint32_t n;      /* items of it: words, repeated ones too, and breaks */
    uint32_t length; /* words alone */
};

struct bm25 {
    uint32_t n_chunks;
    uint32_t n_terms;
    uint64_t n_words;        /* sum of length */
    struct dict *terms;      /* 0..n_terms-1 */
    struct bm25_text *texts; /* [n_chunks] */
    uint64_t n_sequences;    /* items of all sequences */
    uint32_t *sequences;     /* by chunk: its terms in order, and breaks */
    uint64_t *list_start;    /* [n_terms + 1] into slots and codes */
    uint32_t *slots;         /* by term, ascending */
    uint8_t *codes;          /* beside slots */
    uint8_t *highest;        /* [n_terms] largest code of the list */
    struct bm25_cell *cells; /* [BM25_CELLS] */
    bool mapped;             /* the arrays belong to a file */
};

/* ---- building (bm25_build.c) ---- */

struct bm25_builder;
struct bm25_builder *bm25_builder_new(void);

/* A chunk of the words of its fields, at least one. */
void bm25_add_chunk(struct bm25_builder *b, struct word_analyzer *a, const struct str *fields,
                    size_t n_fields);

/* One index of the chunks of n builders in order; frees the builders. */
struct bm25 *bm25_finish(struct bm25_builder *const *builders, size_t n);

/* One index of several, chunks in order of the parts; dead[i] is the bitmap of the chunks of part
 * i that are left out (NULL: none). Terms that only those have are left out too. */
struct bm25 *bm25_merge(const struct bm25 *const *parts, const uint64_t *const *dead, size_t n);

void bm25_free(struct bm25 *b);
size_t bm25_bytes(const struct bm25 *b); /* on the heap */

/* ---- in a file (bm25_file.c) ---- */

void bm25_save(const struct bm25 *b, struct sections_writer *w, const char *prefix);

/* In place, in the same time whatever the size: `s` must stay open and is believed
 * (sections_verify). ERR_FORMAT when parts are missing or of the wrong size. */
int bm25_map(struct bm25 **out, const struct sections *s, const char *prefix);

/* ---- reading ---- */

/* In how many chunks of this segment the term stands. */
static inline uint32_t bm25_df(const struct bm25 *b, uint32_t term)
{
    return (uint32_t)(b->list_start[term + 1] - b->list_start[term]);
}

/* The chunk's terms in order, repeated ones too, and breaks. */
static inline const uint32_t *bm25_sequence(const struct bm25 *b, uint32_t slot, size_t *n)
{
    *n = b->texts[slot].n;
    return b->sequences + b->texts[slot].start;
}

/* Writes the chunk's distinct terms, ascending, to out [texts[slot].length]; returns how many. */
size_t bm25_distinct(const struct bm25 *b, uint32_t slot, uint32_t *out);

/* ---- scoring (bm25_score.c) ---- */

double bm25_idf(uint64_t n_chunks, uint64_t df);

struct bm25_norm {
    double k1, b, mean_length; /* k1 at least 0, b 0..1 */
};

/* A question in the terms of one segment. A word comes once, with its times in weight; its place is
 * the same for every segment, since that is the order in which a score is summed. */
struct bm25_query {
    const uint32_t *terms; /* [n] or BM25_NONE */
    const double *weights; /* [n] times * idf; 0 or less: left out */
    size_t n;
    struct bm25_norm norm;
};

/* The chunks of one segment that may answer. */
struct bm25_chunks {
    const uint64_t *allowed;  /* bitmap; NULL: all */
    size_t n_allowed;         /* bits set in it; about is enough */
    const uint64_t *dead;     /* bitmap of those that may not; NULL: none */
    const uint64_t *chunk_id; /* [n_chunks] */
    uint32_t view;            /* for struct candidate */
};

/* Scores every chunk and offers those that have a word of the question to `best`: the reference. A
 * score is summed in double, in the query's order. */
void bm25_search_all(const struct bm25 *b, const struct bm25_query *q,
                     const struct bm25_chunks *chunks, struct arena *mem, struct topk *best);

/* ---- searching (bm25_search.c) ---- */

/* Leaves in `best` what bm25_search_all would, without looking at most of the chunks: what cannot
 * be among the best, given what is there already, is passed over. `best` may hold candidates of
 * other segments, but none of these chunks. */
void bm25_search(const struct bm25 *b, const struct bm25_query *q, const struct bm25_chunks *chunks,
                 struct arena *mem, struct topk *best);
