#include "guard_fixture.h"

static struct guard_line line(const char *words)
{
    struct guard_line l;

    guard_read(str_of(words), &l);
    return l;
}

Test(guard_line, replaces_removes_and_moves_words)
{
    struct guard_line l = line("a b c d e"), with = line("x y z");

    cr_expect(guard_splice(&l, 1, 2, with.w, 3));
    cr_expect_str_eq(shown_line(&l), "a x y z d e");
    guard_remove(&l, 0, 2);
    cr_expect_str_eq(shown_line(&l), "y z d e");
    guard_move(&l, 0, 2, 2);
    cr_expect_str_eq(shown_line(&l), "d e y z");
    guard_move(&l, 2, 1, 0);
    cr_expect_str_eq(shown_line(&l), "y d e z");
}

Test(guard_line, has_a_limit_and_stays_as_it_is_beyond)
{
    struct guard_line l = line("a b"), with = line("x");

    while (l.n < GUARD_WORDS_MAX)
        cr_assert(guard_splice(&l, 1, 0, with.w, 1));
    cr_expect_not(guard_splice(&l, 1, 0, with.w, 1));
    cr_expect_eq(l.n, GUARD_WORDS_MAX);
    cr_expect_str_eq(l.w[l.n - 1].text, "b");
}

Test(guard_line, long_words_are_told_apart_by_their_ends)
{
    struct guard_word a, b, c;

    guard_word_set(&a, STR_LIT("donaudampfschifffahrtsgesellschaft"));
    guard_word_set(&b, STR_LIT("donaudampfschifffahrtskapitaen"));
    guard_word_set(&c, STR_LIT("donaudampfschifffahrtsgesellschaft"));
    cr_expect_str_neq(a.text, b.text);
    cr_expect(guard_word_is(&a, c.text));
}
