#include <criterion/criterion.h>

#include "bm25_fixture.h"

/* The cell of a posting says at least as much as the posting, whatever the norm. */
static void expect_bounds(const struct bm25 *b)
{
    for (uint32_t t = 0; t < b->n_terms; t++)
        for (uint64_t p = b->list_start[t]; p < b->list_start[t + 1]; p++) {
            const struct bm25_cell *c = &b->cells[b->codes[p]];

            cr_assert_geq(c->tf, tf_in(b, b->slots[p], t));
            cr_assert_leq(c->length, b->texts[b->slots[p]].length);
            cr_assert_leq(b->codes[p], b->highest[t]);
        }
}

static struct bm25 *index_of_lengths(const unsigned *times, const unsigned *others, size_t n)
{
    struct bm25_builder *b = bm25_builder_new();
    struct word_analyzer *a = plain_words();
    struct buf text;

    buf_init(&text);
    for (size_t i = 0; i < n; i++) {
        buf_clear(&text);
        for (unsigned w = 0; w < times[i]; w++)
            buf_add_str(&text, "x ");
        for (unsigned w = 0; w < others[i]; w++)
            buf_addf(&text, "w%u ", w);
        add_text(b, a, buf_view(&text));
    }
    buf_done(&text);
    word_analyzer_free(a);
    return bm25_finish(&b, 1);
}

Test(bm25_lists, every_posting_stands_once_in_order)
{
    unsigned docs[200];
    struct bm25 *b;

    for (unsigned i = 0; i < 200; i++)
        docs[i] = i * 7;
    b = index_of(docs, 200);
    for (uint32_t t = 0; t < b->n_terms; t++) {
        uint32_t df = 0;

        for (uint32_t slot = 0; slot < b->n_chunks; slot++)
            df += tf_in(b, slot, t) > 0;
        cr_assert_eq(bm25_df(b, t), df);
        for (uint64_t p = b->list_start[t]; p < b->list_start[t + 1]; p++) {
            cr_assert_gt(tf_in(b, b->slots[p], t), 0);
            cr_assert(p == b->list_start[t] || b->slots[p] > b->slots[p - 1]);
        }
    }
    expect_bounds(b);
    bm25_free(b);
}

Test(bm25_lists, cells_hold_any_tf_and_any_length)
{
    const unsigned times[] = {1, 1, 2, 3, 4, 5, 6, 7, 10, 11, 40, 1, 1, 70000},
                   others[] = {0, 9, 0, 0, 0, 0, 3, 0, 0, 0, 0, 2000, 80000, 0};
    struct bm25 *b = index_of_lengths(times, others, 14);

    expect_bounds(b);
    bm25_free(b);
}

Test(bm25_lists, codes_rise_with_what_a_cell_brings)
{
    const unsigned times[] = {1, 1, 1, 2, 3}, others[] = {20, 10, 3, 3, 2};
    struct bm25 *b = index_of_lengths(times, others, 5);

    for (int i = 1; i < 5; i++)
        cr_expect_gt(b->codes[i], b->codes[i - 1]);
    cr_expect_eq(b->highest[0], 255);
    expect_bounds(b);
    bm25_free(b);
}

Test(bm25_lists, chunks_without_words_have_no_postings)
{
    const unsigned none[] = {0, 0};
    struct bm25 *b = index_of_lengths(none, none, 2);

    cr_expect_eq(b->n_chunks, 2);
    cr_expect_eq(b->list_start[0], 0);
    expect_bounds(b);
    bm25_free(b);
}
