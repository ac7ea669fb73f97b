#include <criterion/criterion.h>

#include "bm25_fixture.h"
#include "index/bitmap.h"

#define N_DOCS 60

Test(bm25_build, keeps_words_in_order)
{
    struct bm25_builder *b = bm25_builder_new();
    struct word_analyzer *a = plain_words();
    struct bm25 *idx;
    const uint32_t *v;
    size_t n;

    add_text(b, a, STR_LIT("x y x"));
    add_text(b, a, STR_LIT(""));
    add_text(b, a, STR_LIT("y"));
    idx = bm25_finish(&b, 1);
    cr_expect_eq(idx->n_chunks, 3);
    cr_expect_eq(idx->n_words, 4);
    cr_expect_eq(tf_of(idx, 0, STR_LIT("x")), 2);
    cr_expect_eq(tf_of(idx, 2, STR_LIT("y")), 1);
    cr_expect_eq(tf_of(idx, 1, STR_LIT("y")), 0);
    v = bm25_sequence(idx, 0, &n);
    cr_assert_eq(n, 3);
    cr_expect_eq(v[0], 0);
    cr_expect_eq(v[1], 1);
    cr_expect_eq(v[2], 0);
    bm25_sequence(idx, 1, &n);
    cr_expect_eq(n, 0);
    bm25_free(idx);
    word_analyzer_free(a);
}

Test(bm25_build, breaks_stand_between_fields_and_count_as_no_word)
{
    struct bm25_builder *b = bm25_builder_new();
    struct word_analyzer *a = plain_words();
    const struct str fields[] = {STR_LIT("x"), STR_LIT(""), STR_LIT("x y")};
    const uint32_t want[] = {0, BM25_BREAK, BM25_BREAK, 0, 1};
    struct bm25 *idx;
    const uint32_t *v;
    size_t n;

    bm25_add_chunk(b, a, fields, 3);
    idx = bm25_finish(&b, 1);
    v = bm25_sequence(idx, 0, &n);
    cr_assert_eq(n, 5);
    cr_expect_arr_eq(v, want, sizeof want);
    cr_expect_eq(idx->texts[0].length, 3);
    cr_expect_eq(bm25_df(idx, 0), 1);
    bm25_free(idx);
    word_analyzer_free(a);
}

Test(bm25_build, distinct_terms_come_once_and_sorted)
{
    struct bm25_builder *b = bm25_builder_new();
    struct word_analyzer *a = plain_words();
    uint32_t out[8] = {0};
    struct bm25 *idx;

    bm25_add_chunk(b, a, (struct str[]){STR_LIT("p q r q"), STR_LIT("r p s")}, 2);
    idx = bm25_finish(&b, 1);
    cr_assert_eq(bm25_distinct(idx, 0, out), 4);
    for (uint32_t i = 0; i < 4; i++)
        cr_expect_eq(out[i], i);
    bm25_free(idx);
    word_analyzer_free(a);
}

Test(bm25_build, nothing_makes_an_empty_index)
{
    struct bm25 *none = bm25_finish(NULL, 0);

    cr_expect_eq(none->n_chunks, 0);
    cr_expect_eq(none->n_terms, 0);
    cr_expect_gt(bm25_bytes(none), 0);
    bm25_free(none);
    bm25_free(NULL);
}

Test(bm25_build, several_builders_are_as_one)
{
    struct bm25_builder *several[3], *one = bm25_builder_new();
    struct word_analyzer *a = plain_words();
    struct bm25 *joined, *whole;
    struct buf text;

    buf_init(&text);
    for (unsigned p = 0; p < 3; p++) {
        several[p] = bm25_builder_new();
        for (unsigned i = 0; i < 20; i++) {
            text_of(p * 20 + i, &text);
            add_text(several[p], a, buf_view(&text));
            add_text(one, a, buf_view(&text));
        }
    }
    joined = bm25_finish(several, 3);
    whole = bm25_finish(&one, 1);
    expect_equal(joined, whole);
    cr_expect_eq(joined->n_chunks, N_DOCS);
    bm25_free(joined);
    bm25_free(whole);
    buf_done(&text);
    word_analyzer_free(a);
}

Test(bm25_build, merged_is_as_if_built_from_what_lives)
{
    unsigned all[N_DOCS], living[N_DOCS];
    uint64_t dead0[1] = {0}, dead2[1] = {0};
    size_t n = 0;
    struct bm25 *parts[3], *merged, *built;

    for (unsigned i = 0; i < N_DOCS; i++) {
        bool gone = (i < 20 && i % 3 == 0) || i >= 40; /* the third part is all dead */

        all[i] = i;
        if (!gone)
            living[n++] = i;
        if (gone && i < 20)
            bitmap_set(dead0, i);
        if (gone && i >= 40)
            bitmap_set(dead2, i - 40);
    }
    for (int p = 0; p < 3; p++)
        parts[p] = index_of(all + p * 20, 20);
    merged = bm25_merge((const struct bm25 *const *)parts,
                        (const uint64_t *const[]){dead0, NULL, dead2}, 3);
    built = index_of(living, n);
    expect_equal(merged, built);
    for (int p = 0; p < 3; p++)
        bm25_free(parts[p]);
    bm25_free(merged);
    bm25_free(built);
}
