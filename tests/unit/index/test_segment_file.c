#include "index/segment_file.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "base/sections.h"
#include "index/bitmap.h"

#define DIM 4

static char path[64];
static struct analyzers *words;

static void up(void)
{
    snprintf(path, sizeof path, "/tmp/ragd-segment-%d", getpid());
    cr_assert_eq(analyzers_new(&words, &(struct word_settings){"english", true}), ERR_OK);
}

static void down(void)
{
    analyzers_free(words);
    unlink(path);
}

TestSuite(segment_file, .init = up, .fini = down);

/* n documents; document i has i % 3 chunks, every fifth chunk has no vector. */
static struct segment *build(int n)
{
    struct segment_builder *b = segment_builder_new(DIM, 0, words, NULL);
    uint64_t id = 0;

    for (int i = 0; i < n; i++) {
        char key[20], text[40];
        float vector[DIM] = {0};

        snprintf(key, sizeof key, "d%d", i);
        snprintf(text, sizeof text, "common word%d", i);
        vector[i % DIM] = 1;
        segment_add_document(b, &(struct document_row){.id = i + 1,
                                                       .key = str_of(key),
                                                       .title = STR_LIT("A title"),
                                                       .metadata = STR_LIT("{\"a\":1}")});
        for (int c = 0; c < i % 3; c++, id++)
            segment_add_chunk(b, &(struct chunk_row){.id = id, .text = str_of(text)},
                              id % 5 ? vector : NULL);
    }
    return segment_finish(b);
}

static void expect_same(const struct segment *a, const struct segment *b)
{
    cr_assert_eq(a->n_chunks, b->n_chunks);
    cr_assert_eq(a->n_documents, b->n_documents);
    cr_expect_eq(a->dim, b->dim);
    cr_expect_arr_eq(a->vectors, b->vectors, a->n_chunks * a->dim * sizeof *a->vectors);
    cr_expect_eq(!a->no_vector, !b->no_vector);
    if (a->no_vector && b->no_vector)
        cr_expect_arr_eq(a->no_vector, b->no_vector, bitmap_words(a->n_chunks) * 8);
    cr_expect_arr_eq(a->chunk_id, b->chunk_id, a->n_chunks * sizeof *a->chunk_id);
    cr_expect_arr_eq(a->document, b->document, a->n_chunks * sizeof *a->document);
    cr_expect_arr_eq(a->first_chunk, b->first_chunk, (a->n_documents + 1) * 4);
    cr_expect_arr_eq(a->document_id, b->document_id, a->n_documents * 8);
    cr_expect_arr_eq(a->version, b->version, a->n_documents * 8);
    cr_expect_eq(dict_count(a->keys), dict_count(b->keys));
    cr_expect_eq(a->words->n_words, b->words->n_words);
}

Test(segment_file, a_mapped_segment_is_the_one_it_was_made_from)
{
    for (int n = 2; n < 50; n += 7) {
        struct segment *s = build(n), *again;
        uint32_t place;

        cr_assert_eq(segment_save(s, path), ERR_OK, "%s", err_text());
        cr_assert_eq(segment_map(&again, path, DIM), ERR_OK, "%s", err_text());
        expect_same(s, again);
        if (n > 5) {
            cr_assert(dict_find(again->keys, STR_LIT("d5"), &place));
            cr_expect_eq(place, 5);
        }
        cr_expect_gt(segment_bytes(again), 0);
        segment_unref(s);
        segment_unref(again);
    }
}

Test(segment_file, one_of_nothing_is_mapped_too)
{
    struct segment *s = build(0), *again;

    cr_assert_eq(segment_save(s, path), ERR_OK, "%s", err_text());
    cr_assert_eq(segment_map(&again, path, DIM), ERR_OK, "%s", err_text());
    cr_expect_eq(again->n_chunks, 0);
    cr_expect_eq(again->n_documents, 0);
    segment_unref(s);
    segment_unref(again);
}

Test(segment_file, mapped_ones_merge_as_those_they_were_made_from)
{
    struct segment *s = build(20), *mapped, *a, *b;
    uint64_t dead_documents[1] = {1 << 4}, dead_chunks[4] = {0};
    struct segment_part of_heap[2] = {{s, dead_chunks, dead_documents}};
    struct segment_part of_file[2];

    bitmap_set_range(dead_chunks, s->first_chunk[4], s->first_chunk[5]);
    cr_assert_eq(segment_save(s, path), ERR_OK);
    cr_assert_eq(segment_map(&mapped, path, DIM), ERR_OK);
    of_file[0] = (struct segment_part){mapped, dead_chunks, dead_documents};
    a = segment_merge(of_heap, 1);
    b = segment_merge(of_file, 1);
    cr_expect_eq(a->n_documents, 19);
    expect_same(a, b);
    segment_unref(a);
    segment_unref(b);
    segment_unref(mapped);
    segment_unref(s);
}

Test(segment_file, another_dimension_is_refused)
{
    struct segment *s = build(3), *again = NULL;

    cr_assert_eq(segment_save(s, path), ERR_OK);
    cr_expect_eq(segment_map(&again, path, DIM + 1), ERR_FORMAT);
    cr_expect(strstr(err_text(), "5 dimensions"), "%s", err_text());
    cr_expect_null(again);
    segment_unref(s);
}

Test(segment_file, a_flipped_bit_anywhere_is_found_before_anything_is_read)
{
    struct segment *s = build(6), *again = NULL;
    struct buf b;
    int n_whole = 0;

    cr_assert_eq(segment_save(s, path), ERR_OK);
    buf_init(&b);
    cr_assert_eq(file_read(path, 1 << 20, &b), ERR_OK);
    for (size_t i = 0; i < 300; i++) {
        size_t at = i * 7919 % b.n;

        b.p[at] ^= (char)(1 << i % 8);
        cr_assert_eq(file_write_atomic(path, b.p, b.n), ERR_OK);
        if (segment_map(&again, path, DIM) == ERR_OK) { /* the zeros between sections */
            expect_same(s, again);
            segment_unref(again);
            n_whole++;
        }
        b.p[at] ^= (char)(1 << i % 8);
    }
    cr_expect_lt(n_whole, 200);
    buf_done(&b);
    segment_unref(s);
}

Test(segment_file, a_file_without_its_parts_is_refused)
{
    struct segment *again = NULL;

    cr_assert_eq(sections_commit(sections_create(path)), ERR_OK);
    cr_expect_eq(segment_map(&again, path, DIM), ERR_FORMAT);
    cr_expect_null(again);
}
