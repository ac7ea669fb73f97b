#include "base/buf.h"

#include <criterion/criterion.h>

#include "base/mem.h"

static struct buf b;

static void up(void)
{
    buf_init(&b);
}

static void down(void)
{
    buf_done(&b);
}

TestSuite(buf, .init = up, .fini = down);

Test(buf, is_always_terminated)
{
    buf_add_str(&b, "ab");
    buf_add_char(&b, 'c');
    buf_add(&b, "de", 2);
    buf_add_view(&b, STR_LIT("f"));
    buf_addf(&b, "%d", 7);
    cr_expect_str_eq(b.p, "abcdef7");
    cr_expect_eq(b.n, 7);
}

Test(buf, an_empty_one_has_a_view_that_prints)
{
    cr_expect_str_eq(buf_view(&b).p, "");
    cr_expect_eq(buf_view(&b).n, 0);
}

Test(buf, holds_nul_bytes)
{
    buf_add(&b, "a\0b", 3);
    cr_expect_eq(b.n, 3);
    cr_expect_eq(memcmp(b.p, "a\0b", 4), 0);
}

Test(buf, formats_what_is_longer_than_its_room)
{
    buf_addf(&b, "%3000d", 1);
    buf_addf(&b, "|%3000d", 2);
    cr_expect_eq(b.n, 6001);
    cr_expect_eq(b.p[3000], '|');
    cr_expect_eq(b.p[6000], '2');
    cr_expect_eq(b.p[6001], '\0');
}

Test(buf, grows_piece_by_piece)
{
    for (int i = 0; i < 100000; i++)
        buf_add_char(&b, (char)('a' + i % 26));
    cr_expect_eq(b.n, 100000);
    cr_expect_eq(b.p[99999], 'a' + 99999 % 26);
}

Test(buf, cut_and_clear_keep_the_memory)
{
    buf_add_str(&b, "abcdef");
    buf_cut(&b, 2);
    cr_expect_str_eq(b.p, "ab");
    buf_clear(&b);
    cr_expect_str_eq(b.p, "");
    cr_expect_gt(b.cap, 0);
}

Test(buf, take_hands_the_memory_over)
{
    char *p;

    buf_add_str(&b, "mine");
    p = buf_take(&b);
    cr_expect_str_eq(p, "mine");
    cr_expect_eq(b.n, 0);
    cr_expect_null(b.p);
    mem_free(p);
    p = buf_take(&b);
    cr_expect_str_eq(p, "", "an empty one gives an empty string");
    mem_free(p);
}

static const char *fixed(uint64_t v, int places)
{
    buf_clear(&b);
    buf_add_fixed(&b, v, places);
    return buf_view(&b).p;
}

Test(buf, writes_numbers_as_printf_would)
{
    buf_add_u64(&b, 0);
    buf_add_char(&b, ' ');
    buf_add_u64(&b, UINT64_MAX);
    cr_expect_str_eq(b.p, "0 18446744073709551615");
    cr_expect_str_eq(fixed(1500, 3), "1.5");
    cr_expect_str_eq(fixed(7, 6), "0.000007");
    cr_expect_str_eq(fixed(0, 6), "0");
    cr_expect_str_eq(fixed(12000000, 6), "12");
    cr_expect_str_eq(fixed(UINT64_MAX, 6), "18446744073709.551615");
    cr_expect_str_eq(fixed(5, 19), "0.0000000000000000005");
}
