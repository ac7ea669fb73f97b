#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "index/bitmap.h"
#include "index/columns.h"

#define N 40 /* documents, of i % 3 chunks each */

static char path[64];
static struct arena *mem;
static struct columns *heap, *mapped;
static struct sections *file;
static size_t n_chunks;

static struct columns *build(void)
{
    struct columns_builder *b = columns_builder_new();

    n_chunks = 0;
    for (int i = 0; i < N; i++) {
        char metadata[100], key[20];

        snprintf(key, sizeof key, "d%d", i);
        snprintf(metadata, sizeof metadata,
                 "{\"year\":%d,\"kind\":[\"a%d\",\"b\"],\"o\":{\"p\":%s}}", 2000 + i % 7, i % 5,
                 i % 2 ? "true" : "null");
        columns_add_document(
            b, &(struct document_row){.key = str_of(key), .metadata = str_of(metadata)});
        for (int c = 0; c < i % 3; c++, n_chunks++)
            columns_add_chunk(b, &(struct chunk_row){.page = c + 1});
    }
    return columns_finish(b);
}

static void save(const struct columns *c)
{
    struct sections_writer *w = sections_create(path);

    columns_save(c, w, "columns.");
    cr_assert_eq(sections_commit(w), ERR_OK, "%s", err_text());
    cr_assert_eq(sections_open(&file, path), ERR_OK, "%s", err_text());
}

static void up(void)
{
    snprintf(path, sizeof path, "/tmp/ragd-columns-%d", getpid());
    mem = arena_new(0);
    heap = build();
    save(heap);
    cr_assert_eq(columns_map(&mapped, file, "columns."), ERR_OK, "%s", err_text());
}

static void down(void)
{
    columns_free(heap);
    columns_free(mapped);
    sections_close(file);
    arena_free(mem);
    unlink(path);
}

TestSuite(columns_file, .init = up, .fini = down);

static const char *const filters[] = {"year=2003",
                                      "year>=2004 and kind=a1",
                                      "not kind in (a1,a2)",
                                      "o.p exists",
                                      "_page=2",
                                      "_document=d7 or o.p=true",
                                      "none=1",
                                      "_kind=text"};

static void expect_equal(const struct columns *a, const struct columns *b, size_t n)
{
    for (size_t i = 0; i < sizeof filters / sizeof *filters; i++) {
        struct filter *f = NULL;

        cr_assert_eq(filter_from_text(&f, str_of(filters[i]), mem), ERR_OK, "%s", err_text());
        cr_expect_arr_eq(columns_filter(a, f, mem), columns_filter(b, f, mem), bitmap_words(n) * 8,
                         "%s", filters[i]);
    }
}

Test(columns_file, mapped_ones_filter_as_those_they_were_made_from)
{
    expect_equal(heap, mapped, n_chunks);
}

Test(columns_file, mapped_ones_merge_as_those_they_were_made_from)
{
    uint64_t dead_documents[1] = {0x5555}, *dead_chunks = ARENA_ARRAY(mem, uint64_t, 8);
    struct columns_part of_heap[2] = {{heap, dead_chunks, dead_documents}, {heap, NULL, NULL}};
    struct columns_part of_file[2] = {{mapped, dead_chunks, dead_documents}, {mapped, NULL, NULL}};
    struct columns *a, *b;

    for (size_t d = 0, at = 0; d < N; at += d++ % 3)
        if (bitmap_get(dead_documents, d))
            bitmap_set_range(dead_chunks, at, at + d % 3);
    a = columns_merge(of_heap, 2);
    b = columns_merge(of_file, 2);
    expect_equal(a, b, 2 * n_chunks - bitmap_count(dead_chunks, n_chunks));
    columns_free(a);
    columns_free(b);
}

Test(columns_file, none_at_all_are_mapped_too)
{
    struct columns *none = columns_finish(columns_builder_new()), *again;
    struct sections *s;

    sections_close(file);
    columns_free(mapped);
    mapped = NULL;
    save(none);
    s = file;
    cr_assert_eq(columns_map(&again, s, "columns."), ERR_OK, "%s", err_text());
    expect_equal(none, again, 0);
    columns_free(none);
    columns_free(again);
}

Test(columns_file, missing_parts_are_told)
{
    struct columns *c;
    struct sections *empty;

    cr_assert_eq(sections_commit(sections_create(path)), ERR_OK);
    cr_assert_eq(sections_open(&empty, path), ERR_OK);
    cr_expect_eq(columns_map(&c, empty, "columns."), ERR_FORMAT);
    sections_close(empty);
}
