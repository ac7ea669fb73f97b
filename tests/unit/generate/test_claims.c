#include "generate/claims.h"

#include <criterion/criterion.h>

#include "base/buf.h"
#include "base/err.h"
#include "support/claims_set.h"

struct checked {
    struct arena *mem;
    struct word_analyzer *words;
    struct claim *v;
    size_t n;
};

static struct checked begin(void)
{
    struct checked c = {.mem = arena_new(0)};

    cr_assert_eq(word_analyzer_new(&c.words, &(struct word_settings){"english", true}), ERR_OK);
    return c;
}

static void end(struct checked *c)
{
    word_analyzer_free(c->words);
    arena_free(c->mem);
}

static void check(struct checked *c, const char *answer, const struct claim_source *sources,
                  size_t n)
{
    claims_check(c->words, str_of(answer), sources, n, c->mem, &c->v, &c->n);
}

#define N_OF(list) (sizeof(list) / sizeof *(list))

/* Of our own set; the limits are those it has, so that a change for the worse is seen. */
Test(claims, what_is_said_in_other_words_is_rarely_suspected)
{
    struct checked c = begin();
    size_t n_suspected = 0;

    for (size_t i = 0; i < N_OF(claims_true); i++) {
        check(&c, claims_true[i], claims_sources, N_OF(claims_sources));
        cr_assert_eq(c.n, 1, "%s", claims_true[i]);
        if (claim_is_supported(c.v[0].verdict))
            continue;
        n_suspected++;
        cr_log_info("suspected: %s: %s", claims_true[i], c.v[0].reason);
    }
    cr_log_info("%zu of %zu true sentences suspected", n_suspected, N_OF(claims_true));
    cr_expect_leq(n_suspected, 2);
    end(&c);
}

Test(claims, a_sentence_without_end_is_not_borne_out)
{
    struct checked c = begin();
    struct claim_source source = {1, STR_LIT(""), STR_LIT("Amcor's sales rose in 2022.")};
    struct buf answer;

    buf_init(&answer);
    for (int i = 0; i < CLAIM_MARKS_MAX + 1; i++)
        buf_add_str(&answer, i ? " sales" : "Amcor's");
    check(&c, answer.p, &source, 1);
    cr_assert_eq(c.n, 1);
    cr_expect_eq(c.v[0].verdict, CLAIM_WORDS);
    cr_expect_str_eq(c.v[0].reason, "too long to be checked");
    buf_done(&answer);
    end(&c);
}

Test(claims, a_wrong_number_name_or_negation_is_found_and_named)
{
    struct checked c = begin();
    size_t n_missed = 0, n_otherwise = 0;

    for (size_t i = 0; i < N_OF(claims_false); i++) {
        check(&c, claims_false[i].text, claims_sources, N_OF(claims_sources));
        cr_assert_eq(c.n, 1, "%s", claims_false[i].text);
        n_missed += claim_is_supported(c.v[0].verdict);
        n_otherwise += c.v[0].verdict != claims_false[i].why;
        if (c.v[0].verdict != claims_false[i].why)
            cr_log_info("%s: %s (%s)", claims_false[i].text, claim_verdict_name(c.v[0].verdict),
                        c.v[0].reason ? c.v[0].reason : "");
        else
            cr_expect_not_null(c.v[0].reason);
    }
    cr_log_info("%zu of %zu missed", n_missed, N_OF(claims_false));
    cr_expect_leq(n_missed, 2);
    cr_expect_leq(n_otherwise, 4);
    end(&c);
}

static const struct claim_source two[] = {
    {1, STR_LIT("Capital"), STR_LIT("Banks hold 4.5 percent of CET1 capital.")},
    {2, STR_LIT("Liquidity"), STR_LIT("Banks survive 30 days of stress.")},
};

Test(claims, each_sentence_has_a_verdict_and_its_span)
{
    struct checked c = begin();
    const char *answer =
        "Banks hold 4.5 % of CET1 capital [1]. They survive 60 days of stress [2].";

    check(&c, answer, two, 2);
    cr_assert_eq(c.n, 2);
    cr_expect_eq(c.v[0].verdict, CLAIM_SUPPORTED);
    cr_expect_null(c.v[0].reason);
    cr_expect(str_eq(str_sub(str_of(answer), c.v[0].span.start, c.v[0].span.end),
                     STR_LIT("Banks hold 4.5 % of CET1 capital [1].")));
    cr_expect_eq(c.v[1].verdict, CLAIM_NUMBER);
    cr_expect_str_eq(c.v[1].reason, "number 60 not in the sources");
    cr_expect_eq(c.v[1].span.end, strlen(answer));
    end(&c);
}

Test(claims, citations_are_no_numbers_and_may_stand_behind_the_full_stop)
{
    struct checked c = begin();
    const char *answer = "Banks survive 30 days of stress. [2] Banks hold CET1 capital.[1]";

    check(&c, answer, two, 2);
    cr_assert_eq(c.n, 2);
    cr_expect_eq(c.v[0].verdict, CLAIM_SUPPORTED);
    cr_expect_not(c.v[0].cites_another, "[2] is its own");
    cr_expect(str_eq(str_sub(str_of(answer), c.v[0].span.start, c.v[0].span.end),
                     STR_LIT("Banks survive 30 days of stress. [2]")));
    cr_expect_eq(c.v[1].verdict, CLAIM_SUPPORTED);
    end(&c);
}

Test(claims, a_sentence_that_cites_the_wrong_passage_is_told_apart)
{
    struct checked c = begin();

    check(&c, "Banks hold 4.5 % of CET1 capital [2].", two, 2);
    cr_expect_eq(c.v[0].verdict, CLAIM_SUPPORTED);
    cr_expect(c.v[0].cites_another);
    check(&c, "Banks hold 4.5 % of CET1 capital [7].", two, 2);
    cr_expect_eq(c.v[0].verdict, CLAIM_SUPPORTED);
    cr_expect_not(c.v[0].cites_another, "there is no [7]: as if it cited none");
    end(&c);
}

Test(claims, what_claims_nothing_is_not_checked)
{
    static const char *const texts[] = {
        "Is there more?", "The passages do not mention penguins.",       "[1]",
        "It is that.",    "Nothing in the documents is about penguins.",
    };
    struct checked c = begin();

    for (size_t i = 0; i < N_OF(texts); i++) {
        check(&c, texts[i], two, 2);
        for (size_t k = 0; k < c.n; k++)
            cr_expect_eq(c.v[k].verdict, CLAIM_UNCHECKED, "%s", texts[i]);
    }
    check(&c, "", two, 2);
    cr_expect_eq(c.n, 0);
    end(&c);
}

Test(claims, without_sources_nothing_is_supported)
{
    static const struct claim_source empty[] = {{1, STR_LIT(""), STR_LIT("")}};
    struct checked c = begin();

    check(&c, "Banks hold capital.", NULL, 0);
    cr_assert_eq(c.n, 1);
    cr_expect_eq(c.v[0].verdict, CLAIM_WORDS);
    check(&c, "Banks hold capital [1].", empty, 1);
    cr_expect_eq(c.v[0].verdict, CLAIM_WORDS);
    end(&c);
}

Test(claims, an_acronym_and_what_it_stands_for_are_one_name)
{
    static const struct claim_source s[] = {
        {1, STR_LIT(""), STR_LIT("The Financial Crimes Enforcement Network gets the reports.")},
        {2, STR_LIT(""), STR_LIT("OAPEC proclaimed an embargo in Germany.")},
    };
    struct checked c = begin();

    check(&c,
          "The FCEN gets all the reports. The embargo was proclaimed by the Organization of Arab "
          "Petroleum Exporting Countries.",
          s, 2);
    cr_assert_eq(c.n, 2);
    cr_expect_eq(c.v[0].verdict, CLAIM_SUPPORTED, "%s", c.v[0].reason);
    cr_expect_neq(c.v[1].verdict, CLAIM_NAME, "%s", c.v[1].reason);
    check(&c, "A German embargo was proclaimed by OAPEC.", s, 2);
    cr_expect_eq(c.v[0].verdict, CLAIM_SUPPORTED, "%s", c.v[0].reason);
    end(&c);
}

/* The acronym stands beside another number, its words beside the right one. */
Test(claims, a_number_may_stand_where_the_name_is_written_out)
{
    static const struct claim_source capital[] = {
        {1, STR_LIT("Bank capital in brief\nMinimum ratios"),
         STR_LIT("Ratio | Minimum | Measured against\n"
                 "Common Equity Tier 1 | 4.5 % | risk-weighted assets\n"
                 "Tier 1 | 6 % | risk-weighted assets\n"
                 "Leverage | 4 % | average total consolidated assets\n\n"
                 "The capital conservation buffer is 2.5 percent of risk-weighted assets and must "
                 "be held in CET1 alone.")},
    };
    struct checked c = begin();

    check(&c, "The minimum CET1 ratio is 4.5 percent of risk-weighted assets.", capital, 1);
    cr_expect_eq(c.v[0].verdict, CLAIM_SUPPORTED, "%s", c.v[0].reason);
    check(&c, "The minimum CET1 ratio is 7 percent of risk-weighted assets.", capital, 1);
    cr_expect_eq(c.v[0].verdict, CLAIM_NUMBER);
    end(&c);
}

Test(claims, neighbours_of_a_passage_have_its_number)
{
    static const struct claim_source s[] = {
        {1, STR_LIT(""), STR_LIT("Banks hold capital.")},
        {1, STR_LIT(""), STR_LIT("Insurers hold reserves of 9 percent.")},
    };
    struct checked c = begin();

    check(&c, "Insurers hold reserves of 9 percent [1].", s, 2);
    cr_expect_eq(c.v[0].verdict, CLAIM_SUPPORTED);
    cr_expect_not(c.v[0].cites_another);
    end(&c);
}

Test(claims, an_answer_of_very_many_sentences_is_read_to_its_end)
{
    struct checked c = begin();
    struct buf b;

    buf_init(&b);
    for (int i = 0; i < CLAIMS_MAX + 50; i++)
        buf_add_str(&b, "Banks hold capital [1]. ");
    check(&c, b.p, two, 2);
    cr_expect_eq(c.n, CLAIMS_MAX);
    cr_expect_eq(c.v[c.n - 1].span.end, b.n - 1);
    buf_done(&b);
    end(&c);
}

Test(claims, bytes_of_any_kind_do_no_harm)
{
    static const char *const texts[] = {"[",  "[1", "[99999999999]", "%",  "1e9", "Â ", "n't",
                                        "'t", ".",  "ât",       "1,", "1.",  "$",  "FY",
                                        "Q"};
    struct checked c = begin();

    for (size_t i = 0; i < N_OF(texts); i++) {
        struct claim_source s = {1, str_of(texts[i]), str_of(texts[i])};

        check(&c, texts[i], &s, 1);
        cr_expect_leq(c.n, 1);
    }
    end(&c);
}

Test(claims, every_verdict_has_a_name)
{
    cr_expect_str_eq(claim_verdict_name(CLAIM_SUPPORTED), "supported");
    cr_expect_str_eq(claim_verdict_name(CLAIM_WORDS), "words");
    cr_expect(claim_is_supported(CLAIM_UNCHECKED) && !claim_is_supported(CLAIM_NUMBER));
}
