#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include <jansson.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "index/bitmap.h"
#include "index/bm25.h"

#define N_DOCS 60

static struct word_analyzer *plain(void)
{
    struct word_analyzer *a = NULL;

    cr_assert_eq(word_analyzer_new(&a, &(struct word_settings){.language = ""}), ERR_OK);
    return a;
}

/* Some text of small words; the same number gives the same text. */
static void text_of(unsigned i, struct buf *out)
{
    unsigned x = i * 2654435761u + 1, n = i % 17;

    buf_clear(out);
    for (unsigned w = 0; w < n; w++) {
        x = x * 1664525 + 1013904223;
        buf_addf(out, "w%u ", (x >> 24) % (1 + (x >> 16) % 30));
    }
}

static struct bm25 *index_of(const unsigned *docs, size_t n)
{
    struct bm25_builder *b = bm25_builder_new();
    struct word_analyzer *a = plain();
    struct buf text;

    buf_init(&text);
    for (size_t i = 0; i < n; i++) {
        text_of(docs[i], &text);
        bm25_add_chunk(b, a, buf_view(&text));
    }
    buf_done(&text);
    word_analyzer_free(a);
    return bm25_finish(b);
}

static uint32_t tf_of(const struct bm25 *b, uint32_t slot, struct str word)
{
    uint32_t term;

    if (dict_find(b->terms, word, &term))
        for (size_t p = b->list_start[term]; p < b->list_start[term + 1]; p++)
            if (b->lists[p].slot == slot)
                return b->lists[p].tf;
    return 0;
}

/* Equal but for the numbering of terms. */
static void expect_equal(const struct bm25 *a, const struct bm25 *b)
{
    cr_assert_eq(a->n_chunks, b->n_chunks);
    cr_assert_eq(a->n_terms, b->n_terms);
    cr_assert_eq(a->n_words, b->n_words);
    for (uint32_t t = 0; t < a->n_terms; t++) {
        struct str word = dict_at(a->terms, t);
        uint32_t other;

        cr_assert(dict_find(b->terms, word, &other));
        cr_assert_eq(bm25_df(a, t), bm25_df(b, other));
        for (size_t i = 0; i < bm25_df(a, t); i++) {
            struct posting p = a->lists[a->list_start[t] + i];

            cr_assert_eq(p.slot, b->lists[b->list_start[other] + i].slot);
            cr_assert_eq(p.tf, b->lists[b->list_start[other] + i].tf);
        }
    }
    for (uint32_t i = 0; i < a->n_chunks; i++) {
        cr_assert_eq(a->length[i], b->length[i]);
        cr_assert_eq(a->word_start[i + 1], b->word_start[i + 1]);
    }
}

Test(bm25, counts_words_chunk_by_chunk)
{
    struct bm25_builder *b = bm25_builder_new();
    struct word_analyzer *a = plain();
    struct bm25 *idx;

    bm25_add_chunk(b, a, STR_LIT("x y x"));
    bm25_add_chunk(b, a, STR_LIT(""));
    bm25_add_chunk(b, a, STR_LIT("y"));
    idx = bm25_finish(b);
    cr_expect_eq(idx->n_chunks, 3);
    cr_expect_eq(idx->n_words, 4);
    cr_expect_eq(tf_of(idx, 0, STR_LIT("x")), 2);
    cr_expect_eq(tf_of(idx, 2, STR_LIT("y")), 1);
    cr_expect_eq(tf_of(idx, 1, STR_LIT("y")), 0);
    cr_expect_eq(idx->word_start[1], 2, "two distinct words");
    bm25_free(idx);
    word_analyzer_free(a);
}

Test(bm25, merged_is_as_if_built_from_what_lives)
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

/* ---- against the reference (tests/golden/make_bm25.py) ---- */

static struct bm25 *golden_index(const json_t *documents)
{
    struct bm25_builder *b = bm25_builder_new();
    struct word_analyzer *a = plain();
    struct buf text;
    size_t d, w;
    json_t *doc, *word;

    buf_init(&text);
    json_array_foreach((json_t *)documents, d, doc) {
        buf_clear(&text);
        json_array_foreach(doc, w, word)
            buf_addf(&text, "%s ", json_string_value(word));
        bm25_add_chunk(b, a, buf_view(&text));
    }
    buf_done(&text);
    word_analyzer_free(a);
    return bm25_finish(b);
}

static void golden_query(const struct bm25 *idx, const struct bm25_norm *norm, const json_t *query)
{
    float *scores = mem_calloc(idx->n_chunks, sizeof *scores);
    size_t i, n_hits = 0;
    json_t *word, *hit;

    json_array_foreach(json_object_get(query, "words"), i, word) {
        uint32_t term;

        if (dict_find(idx->terms, str_of(json_string_value(word)), &term))
            bm25_accumulate(idx, term, (float)bm25_idf(idx->n_chunks, bm25_df(idx, term)), norm,
                            scores);
    }
    json_array_foreach(json_object_get(query, "hits"), i, hit) {
        double want = json_number_value(json_array_get(hit, 1));
        size_t d = (size_t)json_integer_value(json_array_get(hit, 0));

        cr_expect_float_eq(scores[d], want, 1e-4, "document %zu: %g, not %g", d, scores[d], want);
    }
    for (uint32_t d = 0; d < idx->n_chunks; d++)
        n_hits += scores[d] > 0;
    cr_expect_eq(n_hits, json_array_size(json_object_get(query, "hits")));
    mem_free(scores);
}

Test(bm25, scores_as_the_plain_formula)
{
    struct buf bytes;
    struct bm25_norm norm;
    struct bm25 *idx;
    json_t *golden, *query;
    size_t i;

    buf_init(&bytes);
    cr_assert_eq(file_read("tests/golden/bm25.json", 64u << 20, &bytes), ERR_OK, "%s", err_text());
    golden = json_loadb(bytes.p, bytes.n, 0, NULL);
    cr_assert_not_null(golden);
    idx = golden_index(json_object_get(golden, "documents"));
    norm = (struct bm25_norm){json_number_value(json_object_get(golden, "k1")),
                              json_number_value(json_object_get(golden, "b")),
                              (double)idx->n_words / idx->n_chunks};
    cr_assert_gt(json_array_size(json_object_get(golden, "queries")), 50);
    json_array_foreach(json_object_get(golden, "queries"), i, query)
        golden_query(idx, &norm, query);
    bm25_free(idx);
    json_decref(golden);
    buf_done(&bytes);
}
