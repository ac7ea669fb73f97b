/* bm25_fixture.h - word indexes of made-up texts. */
#pragma once
#include <criterion/criterion.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "index/bm25.h"

static inline struct word_analyzer *plain_words(void)
{
    struct word_analyzer *a = NULL;

    cr_assert_eq(word_analyzer_new(&a, &(struct word_settings){.language = ""}), ERR_OK);
    return a;
}

/* Some text of small words; the same number gives the same text. */
static inline void text_of(unsigned i, struct buf *out)
{
    unsigned x = i * 2654435761u + 1, n = i % 17;

    buf_clear(out);
    for (unsigned w = 0; w < n; w++) {
        x = x * 1664525 + 1013904223;
        buf_addf(out, "w%u ", (x >> 24) % (1 + (x >> 16) % 30));
    }
}

static inline void add_text(struct bm25_builder *b, struct word_analyzer *a, struct str text)
{
    bm25_add_chunk(b, a, &text, 1);
}

static inline struct bm25 *index_of(const unsigned *docs, size_t n)
{
    struct bm25_builder *b = bm25_builder_new();
    struct word_analyzer *a = plain_words();
    struct buf text;

    buf_init(&text);
    for (size_t i = 0; i < n; i++) {
        text_of(docs[i], &text);
        add_text(b, a, buf_view(&text));
    }
    buf_done(&text);
    word_analyzer_free(a);
    return bm25_finish(&b, 1);
}

static inline size_t tf_in(const struct bm25 *b, uint32_t slot, uint32_t term)
{
    size_t n, tf = 0;
    const uint32_t *v = bm25_sequence(b, slot, &n);

    for (size_t i = 0; i < n; i++)
        tf += v[i] == term;
    return tf;
}

static inline size_t tf_of(const struct bm25 *b, uint32_t slot, struct str word)
{
    uint32_t term;

    return dict_find(b->terms, word, &term) ? tf_in(b, slot, term) : 0;
}

/* Equal but for the numbering of terms. */
static inline void expect_equal(const struct bm25 *a, const struct bm25 *b)
{
    cr_assert_eq(a->n_chunks, b->n_chunks);
    cr_assert_eq(a->n_terms, b->n_terms);
    cr_assert_eq(a->n_words, b->n_words);
    for (uint32_t t = 0; t < a->n_terms; t++) {
        uint32_t other;

        cr_assert(dict_find(b->terms, dict_at(a->terms, t), &other));
        cr_assert_eq(bm25_df(a, t), bm25_df(b, other));
        cr_assert_eq(a->highest[t], b->highest[other]);
        cr_assert_arr_eq(a->slots + a->list_start[t], b->slots + b->list_start[other],
                         bm25_df(a, t) * sizeof *a->slots);
        cr_assert_arr_eq(a->codes + a->list_start[t], b->codes + b->list_start[other],
                         bm25_df(a, t));
    }
    for (uint32_t i = 0; i < a->n_chunks; i++) {
        size_t n, n_other;
        const uint32_t *v = bm25_sequence(a, i, &n), *w = bm25_sequence(b, i, &n_other);

        cr_assert_eq(a->texts[i].length, b->texts[i].length);
        cr_assert_eq(n, n_other);
        for (size_t k = 0; k < n; k++)
            cr_assert(v[k] == BM25_BREAK
                          ? w[k] == BM25_BREAK
                          : str_eq(dict_at(a->terms, v[k]), dict_at(b->terms, w[k])));
    }
}
