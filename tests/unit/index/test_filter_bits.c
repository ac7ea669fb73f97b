#include "index/filter_bits.h"

#include <criterion/criterion.h>
#include <stdio.h>

#include "base/err.h"
#include "index/bitmap.h"

#define N 100 /* documents of one chunk; their year is 2000 + i % 10 */

static struct columns *columns;
static struct filter_bits *kept;
static struct arena *mem;

static void up(void)
{
    struct columns_builder *b = columns_builder_new();

    for (int i = 0; i < N; i++) {
        char metadata[40], key[20];

        snprintf(metadata, sizeof metadata, "{\"year\":%d}", 2000 + i % 10);
        snprintf(key, sizeof key, "d%d", i);
        columns_add_document(
            b, &(struct document_row){.key = str_of(key), .metadata = str_of(metadata)});
        columns_add_chunk(b, &(struct chunk_row){0});
    }
    columns = columns_finish(b);
    kept = filter_bits_new(N);
    mem = arena_new(0);
}

static void down(void)
{
    filter_bits_free(kept);
    columns_free(columns);
    arena_free(mem);
}

TestSuite(filter_bits, .init = up, .fini = down);

static struct passing *get(const char *text)
{
    struct filter *f = NULL;

    cr_assert_eq(filter_from_text(&f, str_of(text), mem), ERR_OK, "%s", err_text());
    return filter_bits_get(kept, columns, f, str_of(filter_canonical(f, mem)), mem);
}

Test(filter_bits, are_those_that_pass)
{
    struct passing *p = get("year=2003");

    cr_expect_eq(p->n_set, 10);
    for (size_t i = 0; i < N; i++)
        cr_expect_eq(bitmap_get(p->bits, i), i % 10 == 3);
    passing_unref(p);
}

Test(filter_bits, are_made_once)
{
    struct passing *a = get("year=2003"), *b = get("year = 2003"), *c = get("year=2004");

    cr_expect_eq(a, b);
    cr_expect_neq(a, c);
    passing_unref(a);
    passing_unref(b);
    passing_unref(c);
}

Test(filter_bits, not_asked_for_longest_go_first_and_what_is_held_stays)
{
    struct passing *first = get("year=2003"), *again;
    size_t bytes;

    for (int i = 0; i < FILTER_BITS_KEPT - 1; i++) {
        char text[40];

        snprintf(text, sizeof text, "year>=%d", i);
        passing_unref(get(text));
    }
    again = get("year=2003");
    cr_expect_eq(first, again, "there is room for so many");
    passing_unref(again);
    bytes = filter_bits_bytes(kept);
    for (int i = 0; i < FILTER_BITS_KEPT; i++) {
        char text[40];

        snprintf(text, sizeof text, "year<%d", 1000 + i);
        passing_unref(get(text));
    }
    cr_expect_leq(filter_bits_bytes(kept), bytes + 100);
    again = get("year=2003");
    cr_expect_neq(first, again);
    cr_expect_eq(first->n_set, 10);
    passing_unref(first);
    passing_unref(again);
}
