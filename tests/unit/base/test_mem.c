#include "base/mem.h"

#include <criterion/criterion.h>
#include <stdint.h>
#include <string.h>

Test(mem, nothing_wanted_is_still_something_to_free)
{
    void *p[] = {mem_alloc(0), mem_calloc(0, 8), mem_alloc_aligned(0), mem_dup(NULL, 0)};

    for (int i = 0; i < 4; i++) {
        cr_expect_not_null(p[i]);
        mem_free(p[i]);
    }
    mem_free(NULL);
}

Test(mem, aligned_memory_is_aligned_and_clear)
{
    for (size_t n = 1; n < 300; n += 37) {
        unsigned char *p = mem_alloc_aligned(n);

        cr_expect_eq((uintptr_t)p % 64, 0);
        for (size_t i = 0; i < n; i++)
            cr_assert_eq(p[i], 0);
        mem_free(p);
    }
}

Test(mem, copies)
{
    char *s = mem_strdup("text"), *d = mem_dup("a\0b", 4);

    cr_expect_str_eq(s, "text");
    cr_expect_eq(memcmp(d, "a\0b", 4), 0);
    mem_free(s);
    mem_free(d);
}

Test(mem, an_array_grows_by_doubling_and_keeps_what_it_holds)
{
    int *v = NULL;
    size_t cap = 0, n_grown = 0;

    for (int i = 0; i < 10000; i++) {
        size_t before = cap;

        v = mem_grow(v, &cap, (size_t)i + 1, sizeof *v);
        n_grown += cap != before;
        v[i] = i;
    }
    for (int i = 0; i < 10000; i++)
        cr_assert_eq(v[i], i);
    cr_expect_lt(n_grown, 20);
    mem_free(v);
}

Test(mem, knows_what_it_takes)
{
    cr_expect_gt(mem_resident_bytes(), 100000);
}

#ifndef __SANITIZE_ADDRESS__ /* whose allocator stops the process before ours does */
Test(mem, running_out_stops_the_process, .exit_code = 70)
{
    volatile size_t wish = SIZE_MAX / 2;

    cr_expect_null(mem_alloc(wish));
}
#endif

Test(mem, own_memory_is_part_of_what_is_resident)
{
    cr_expect_gt(mem_own_bytes(), 0);
    cr_expect_leq(mem_own_bytes(), mem_resident_bytes());
}

#ifndef __SANITIZE_ADDRESS__ /* whose allocator keeps for a while what was freed */
Test(mem, what_was_freed_among_what_is_in_use_can_be_given_back)
{
    enum { N_PIECES = 20000, PIECE = 4096 };
    static void *pieces[N_PIECES];
    size_t before, kept, returned;

    for (size_t i = 0; i < N_PIECES; i++)
        memset(pieces[i] = mem_alloc(PIECE), 1, PIECE);
    before = mem_own_bytes();
    for (size_t i = 0; i < N_PIECES; i++)
        if (i % 8)
            mem_free(pieces[i]);
    kept = mem_own_bytes();
    mem_return();
    returned = mem_own_bytes();
    cr_expect_gt(kept, before - before / 8);
    cr_expect_lt(returned, before / 2, "%zu of %zu bytes", returned, before);
    for (size_t i = 0; i < N_PIECES; i += 8)
        mem_free(pieces[i]);
}
#endif

Test(mem, what_a_library_could_not_make_stops_the_process, .exit_code = 70)
{
    mem_must_have(true, "a thing");
    mem_must_have(false, "a thing");
    cr_assert_fail("it went on");
}
