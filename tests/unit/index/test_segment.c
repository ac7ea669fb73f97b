#include <criterion/criterion.h>
#include <stdio.h>

#include "base/err.h"
#include "index/bitmap.h"
#include "index/segment.h"

static struct analyzers *analyzers;

static void setup(void)
{
    cr_assert_eq(analyzers_new(&analyzers, &(struct word_settings){.language = ""}), ERR_OK);
}

static void teardown(void)
{
    analyzers_free(analyzers);
}

TestSuite(segment, .init = setup, .fini = teardown);

static void add_document(struct segment_builder *b, const char *key)
{
    segment_add_document(
        b, &(struct document_row){.id = key[0], .key = str_of(key), .metadata = STR_LIT("{}")});
}

static void add_chunk(struct segment_builder *b, uint64_t id, const char *text, const float *v)
{
    segment_add_chunk(b, &(struct chunk_row){.id = id, .text = str_of(text)}, v);
}

Test(segment, keeps_documents_with_their_chunks)
{
    struct segment_builder *b = segment_builder_new(2, 0, analyzers, NULL);
    struct segment *s;

    add_document(b, "a");
    add_chunk(b, 1, "x", (float[]){1, 2});
    add_chunk(b, 2, "y", NULL);
    add_document(b, "b");
    add_document(b, "c");
    add_chunk(b, 3, "z z", (float[]){3, 4});
    s = segment_finish(b);
    cr_expect_eq(s->n_chunks, 3);
    cr_expect_eq(s->n_documents, 3);
    cr_expect_eq(s->first_chunk[1], 2);
    cr_expect_eq(s->first_chunk[2], 2);
    cr_expect_eq(s->first_chunk[3], 3);
    cr_expect_eq(s->document[2], 2);
    cr_expect_eq(s->document_id[2], 'c');
    cr_expect_eq(s->vectors[4], 3);
    cr_expect_eq((uintptr_t)s->vectors % 64, 0);
    cr_assert_not_null(s->no_vector);
    cr_expect(bitmap_get(s->no_vector, 1));
    cr_expect_not(bitmap_get(s->no_vector, 0));
    cr_expect_eq(s->words->n_words, 4);
    cr_expect_gt(segment_bytes(s), 0);
    segment_unref(s);
}

Test(segment, counts_words_alike_with_and_without_threads)
{
    struct pool *pool = pool_new("test", 2, 64);
    struct segment *s[2];

    for (int threaded = 0; threaded < 2; threaded++) {
        struct segment_builder *b = segment_builder_new(1, 16, analyzers, threaded ? pool : NULL);
        char text[64];

        add_document(b, "a");
        for (unsigned i = 0; i < 9000; i++) { /* more than two batches */
            snprintf(text, sizeof text, "w%u w%u all", i % 700, i % 13);
            add_chunk(b, i, text, (float[]){(float)i});
        }
        s[threaded] = segment_finish(b);
    }
    cr_expect_eq(s[0]->words->n_terms, s[1]->words->n_terms);
    cr_expect_eq(s[0]->words->n_words, 27000);
    cr_expect_eq(s[1]->words->n_words, 27000);
    for (uint32_t t = 0; t < s[0]->words->n_terms; t++) {
        uint32_t other;

        cr_assert(dict_find(s[1]->words->terms, dict_at(s[0]->words->terms, t), &other));
        cr_assert_eq(bm25_df(s[0]->words, t), bm25_df(s[1]->words, other));
    }
    cr_expect_eq(s[1]->vectors[8999], 8999);
    segment_unref(s[0]);
    segment_unref(s[1]);
    pool_free(pool);
}

Test(segment, merged_leaves_the_dead_out)
{
    struct segment_builder *b = segment_builder_new(1, 0, analyzers, NULL);
    uint64_t dead_documents = 2, dead_chunks = 2; /* document b with its chunk */
    struct segment *x, *y, *m;

    add_document(b, "a");
    add_chunk(b, 1, "one", (float[]){1});
    add_document(b, "b");
    add_chunk(b, 2, "two", (float[]){2});
    add_document(b, "c");
    x = segment_finish(b);
    b = segment_builder_new(1, 0, analyzers, NULL);
    add_document(b, "d");
    add_chunk(b, 3, "three", NULL);
    add_chunk(b, 4, "four", (float[]){4});
    y = segment_finish(b);
    m = segment_merge((struct segment_part[]){{x, &dead_chunks, &dead_documents}, {y, NULL, NULL}},
                      2);
    cr_expect_eq(m->n_documents, 3);
    cr_expect_eq(m->n_chunks, 3);
    cr_expect_eq(m->chunk_id[0], 1);
    cr_expect_eq(m->chunk_id[2], 4);
    cr_expect_eq(m->vectors[2], 4);
    cr_expect(bitmap_get(m->no_vector, 1));
    cr_expect_eq(m->document_id[2], 'd');
    cr_expect_eq(m->first_chunk[2], 1, "c has none");
    cr_expect_eq(m->words->n_terms, 3);
    segment_unref(m);
    segment_unref(x);
    segment_unref(y);
}

Test(segment, of_nothing_is_possible)
{
    struct segment *s = segment_finish(segment_builder_new(4, 0, analyzers, NULL));

    cr_expect_eq(s->n_chunks, 0);
    cr_expect_eq(s->n_documents, 0);
    segment_unref(segment_ref(s));
    segment_unref(s);
    segment_unref(NULL);
}
