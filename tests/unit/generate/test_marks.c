#include "generate/marks.h"

#include <criterion/criterion.h>

#include "base/buf.h"
#include "base/err.h"

static struct word_analyzer *english(void)
{
    struct word_analyzer *a;

    cr_assert_eq(word_analyzer_new(&a, &(struct word_settings){"english", true}), ERR_OK);
    return a;
}

/* "Amcor* sales NO reach 15000000000": names with a star, sentences divided by " | ". */
static const char *shown(const char *text, struct arena *mem)
{
    struct word_analyzer *a = english();
    struct marks m = marks_of(a, str_of(text), mem);
    struct buf b;
    const char *s;

    buf_init(&b);
    for (size_t i = 0; i < m.n; i++) {
        if (i)
            buf_add_str(&b, m.v[i].i_sentence == m.v[i - 1].i_sentence ? " " : " | ");
        if (m.v[i].kind == MARK_NUMBER)
            buf_addf(&b, "%g%s", m.v[i].number.value,
                     m.v[i].number.kind == NUMBER_PERCENT ? "%" : "");
        else if (m.v[i].kind == MARK_NO)
            buf_add_str(&b, "NO");
        else
            buf_addf(&b, "%.*s%s", STR_ARGS(m.v[i].word), m.v[i].name ? "*" : "");
    }
    s = arena_strndup(mem, b.p ? b.p : "", b.n);
    buf_done(&b);
    word_analyzer_free(a);
    return s;
}

Test(marks, words_numbers_names_and_negations_come_in_order)
{
    struct arena *mem = arena_new(0);

    cr_expect_str_eq(shown("The sales of Amcor did not reach $15 billion in 2022.", mem),
                     "sales Amcor* NO reach 1.5e+10 2022");
    cr_expect_str_eq(shown("Banks hold 4.5 percent CET1 capital.", mem),
                     "Banks hold 4.5% CET1* capital");
    cr_expect_str_eq(shown("", mem), "");
    arena_free(mem);
}

Test(marks, what_begins_a_sentence_is_no_name_by_its_capital)
{
    struct arena *mem = arena_new(0);

    cr_expect_str_eq(shown("Banks lend. Rules of Rome hold. \"Bonds yield.\"", mem),
                     "Banks lend | Rules Rome* hold | Bonds yield");
    cr_expect_str_eq(shown("Northern Bank lends.", mem), "Northern* Bank* lends");
    cr_expect_str_eq(shown("OPEC met. It was in Vienna.", mem), "OPEC* met | Vienna*");
    arena_free(mem);
}

Test(marks, negations_in_their_forms)
{
    struct arena *mem = arena_new(0);

    cr_expect_str_eq(shown("It doesn't hold.", mem), "doesn NO hold");
    cr_expect_str_eq(shown("They were unable to agree.", mem), "NO agree");
    cr_expect_str_eq(shown("No bank failed to pay without cause.", mem), "NO bank NO pay NO cause");
    cr_expect_str_eq(shown("not only banks", mem), "only banks");
    cr_expect_str_eq(shown("It may not be more than that. No stock is over par.", mem),
                     "may NO more | NO stock over par");
    cr_expect_str_eq(shown("Regulation No 575/2013", mem), "Regulation 575 2013");
    cr_expect_str_eq(shown("A note of a knot.", mem), "note knot");
    arena_free(mem);
}

Test(marks, the_same_is_the_same_stem_or_the_same_value)
{
    struct arena *mem = arena_new(0);
    struct word_analyzer *a = english();
    struct marks x = marks_of(a, STR_LIT("banks not 1.5 million"), mem),
                 y = marks_of(a, STR_LIT("bank never 1,500,000"), mem);
    struct number_setting none = {0};

    cr_assert_eq(x.n, 3);
    cr_assert_eq(y.n, 3);
    for (size_t i = 0; i < 3; i++)
        for (size_t k = 0; k < 3; k++)
            cr_expect_eq(mark_same(&x.v[i], &y.v[k], &none), i == k, "%zu %zu", i, k);
    word_analyzer_free(a);
    arena_free(mem);
}
