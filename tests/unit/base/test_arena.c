#include "base/arena.h"

#include <criterion/criterion.h>
#include <stdint.h>
#include <string.h>

static struct arena *a;

static void up(void)
{
    a = arena_new(256);
}

static void down(void)
{
    arena_free(a);
}

TestSuite(arena, .init = up, .fini = down);

Test(arena, pieces_are_aligned_and_apart)
{
    char *p = arena_alloc(a, 1), *q = arena_alloc(a, 17), *r = arena_alloc(a, 1);

    cr_expect_eq((uintptr_t)p % 16, 0);
    cr_expect_eq((uintptr_t)q % 16, 0);
    cr_expect_geq(q - p, 1);
    cr_expect_geq(r - q, 17);
    cr_expect_eq(arena_used(a), 16 + 32 + 16);
}

Test(arena, grows_and_takes_wishes_larger_than_a_block)
{
    char *big = arena_alloc(a, 10000);

    memset(big, 1, 10000);
    for (int i = 0; i < 1000; i++)
        memset(arena_alloc(a, 40), 2, 40);
    for (int i = 0; i < 10000; i++)
        cr_assert_eq(big[i], 1);
}

Test(arena, an_empty_piece_is_fine)
{
    cr_expect_not_null(arena_alloc(a, 0));
    cr_expect_not_null(arena_dup(a, NULL, 0));
    cr_expect_str_eq(arena_strndup(a, NULL, 0), "");
}

Test(arena, zalloc_clears_what_reset_gave_back)
{
    char *p = arena_alloc(a, 100);

    memset(p, 0xff, 100);
    arena_reset(a);
    p = arena_zalloc(a, 100);
    for (int i = 0; i < 100; i++)
        cr_assert_eq(p[i], 0);
}

Test(arena, reset_reuses_the_first_block)
{
    void *first = arena_alloc(a, 16);

    arena_alloc(a, 100000);
    arena_reset(a);
    cr_expect_eq(arena_used(a), 0);
    cr_expect_eq(arena_alloc(a, 16), first);
}

Test(arena, copies_strings)
{
    cr_expect_str_eq(arena_strdup(a, "abc"), "abc");
    cr_expect_str_eq(arena_strndup(a, "abcdef", 3), "abc");
    cr_expect_str_eq(arena_printf(a, "%s-%d", "x", 42), "x-42");
    cr_expect_eq(strlen(arena_printf(a, "%5000d", 1)), 5000);
}

Test(arena, freeing_none_is_fine)
{
    arena_free(NULL);
    cr_expect(true);
}
