#include "cache/guard.h"

#include <criterion/criterion.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "guard_pairs.h"

/* One guard and one arena for a test. */
static struct guard *g;
static struct arena *mem;

static void set_up(void)
{
    g = guard_new();
    mem = arena_new(0);
}

static void tear_down(void)
{
    guard_free(g);
    arena_free(mem);
}

static struct guard_form *form(const char *q)
{
    return guard_prepare(g, str_of(q), NULL, 0, mem);
}

static struct guard_verdict compare(const char *a, const char *b)
{
    return guard_compare(g, form(a), form(b), mem);
}

static bool same(const char *a, const char *b)
{
    return compare(a, b).same;
}

TestSuite(guard, .init = set_up, .fini = tear_down);

/* ---- the pairs ---- */

Test(guard, serves_none_of_the_pairs_that_ask_something_else)
{
    for (size_t i = 0; i < N_GUARD_PAIRS; i++)
        if (!guard_pairs[i].same)
            cr_expect_not(same(guard_pairs[i].a, guard_pairs[i].b), "%s", guard_pairs[i].a);
}

Test(guard, serves_four_of_five_that_ask_the_same)
{
    size_t n = 0, served = 0;

    for (size_t i = 0; i < N_GUARD_PAIRS; i++)
        if (guard_pairs[i].same) {
            n++;
            served += same(guard_pairs[i].a, guard_pairs[i].b);
        }
    cr_expect_geq(served * 5, n * 4, "%zu of %zu", served, n);
}

Test(guard, is_symmetric)
{
    for (size_t i = 0; i < N_GUARD_PAIRS; i++)
        cr_expect_eq(same(guard_pairs[i].a, guard_pairs[i].b),
                     same(guard_pairs[i].b, guard_pairs[i].a), "%s", guard_pairs[i].a);
}

/* ---- pairs made from them: one thing changed is another question ---- */

static const char *question(size_t i)
{
    return i % 2 ? guard_pairs[i / 2].a : guard_pairs[i / 2].b;
}

Test(guard, every_question_is_the_same_as_itself)
{
    for (size_t i = 0; i < 2 * N_GUARD_PAIRS; i++)
        cr_expect(same(question(i), question(i)), "%s: %s", question(i),
                  compare(question(i), question(i)).reason);
}

/* A word put in before the n-th. */
static const char *with_word(const char *q, size_t n, const char *word)
{
    const char *p = q;

    while (n-- && strchr(p, ' '))
        p = strchr(p, ' ') + 1;
    return arena_printf(mem, "%.*s%s %s", (int)(p - q), q, word, p);
}

Test(guard, a_negation_or_a_name_put_in_anywhere_makes_it_another)
{
    static const char *const words[] = {"not", "never", "Zorvath", "47", "domestic", "only"};

    for (size_t i = 0; i < 2 * N_GUARD_PAIRS; i++)
        for (size_t k = 0; k < sizeof words / sizeof *words; k++)
            for (size_t at = 1; at < 4; at++) {
                const char *other = with_word(question(i), at, words[k]);

                cr_expect_not(same(question(i), other), "%s", other);
            }
}

Test(guard, another_digit_makes_it_another)
{
    for (size_t i = 0; i < 2 * N_GUARD_PAIRS; i++) {
        char *other = arena_strdup(mem, question(i)), *digit = strpbrk(other, "123456789");

        if (!digit)
            continue;
        *digit = *digit == '9' ? '7' : (char)(*digit + 1);
        cr_expect_not(same(question(i), other), "%s", other);
    }
}

/* ---- the key of a form ---- */

Test(guard, what_is_the_same_has_the_same_key_and_little_else_does)
{
    size_t n_shared = 0, n_missed = 0;

    for (size_t i = 0; i < N_GUARD_PAIRS; i++) {
        const char *a = guard_pairs[i].a, *b = guard_pairs[i].b;
        bool equal = guard_form_key(form(a)) == guard_form_key(form(b));

        n_shared += equal && !same(a, b);
        n_missed += same(a, b) && !equal;
    }
    cr_expect_leq(n_missed, 7, "%zu: acronyms that one spells out", n_missed);
    cr_expect_lt(n_shared, N_GUARD_PAIRS / 10, "%zu", n_shared);
}

Test(guard, a_key_leaves_out_what_is_two_things)
{
    cr_expect_eq(guard_form_key(form("Can I sell bonds?")),
                 guard_form_key(form("May I sell bonds?")));
    cr_expect_neq(guard_form_key(form("Can I sell bonds?")),
                  guard_form_key(form("Can I buy bonds?")));
    cr_expect_neq(guard_form_key(form("Do I sell bonds?")),
                  guard_form_key(form("Do I not sell bonds?")));
}

/* ---- what it says ---- */

Test(guard, says_why_not)
{
    cr_expect_str_eq(compare("What was revenue in 2022?", "What was revenue in 2023?").reason,
                     "date 2022 / 2023");
    cr_expect_str_eq(compare("Who owns above 5?", "Who owns above 6?").reason, "number 5 / 6");
    cr_expect_str_eq(compare("Who owns above 5?", "Who owns below 5?").reason,
                     "direction above / below");
    cr_expect_str_eq(compare("How do I buy?", "How do I sell?").reason, "opposite buy / sell");
    cr_expect_str_eq(compare("Is the bank liable?", "Is the bank not liable?").reason,
                     "negation - / not");
    cr_expect_str_eq(compare("What did Apple earn?", "What did Amazon earn?").reason,
                     "name apple / amazon");
    cr_expect_str_eq(compare("Did Kraft buy Heinz?", "Did Heinz buy Kraft?").reason,
                     "order of content words");
    cr_expect_str_eq(compare("What is ROE?", "What is ROA?").reason, "acronym roe / roa");
    cr_expect_str_eq(compare("Who sells it?", "When sells it?").reason, "kind of question");
    cr_expect_str_eq(compare("What is the fee?", "What was the fee?").reason, "tense");
    cr_expect_str_eq(compare("What is my fee?", "What is your fee?").reason, "person");
    cr_expect_str_eq(compare("What is the fee?", "What is the fee?").reason, "");
}

Test(guard, participles_of_the_doer_and_the_done_to_differ)
{
    cr_expect_not(same("What is the acquired company?", "What is the acquiring company?"));
    cr_expect_not(same("What is the insured party?", "What is the insuring party?"));
}

Test(guard, how_much_is_asked_only_of_a_quantity)
{
    cr_expect(same("What was the gross margin?", "How high was the gross margin?"));
    cr_expect_not(same("What is Ford?", "How large is Ford?"));
    cr_expect_not(same("What is the bridge?", "How long is the bridge?"));
    cr_expect_not(same("Explain inflation", "How high is inflation?"));
}

Test(guard, can_is_may_and_able_and_these_are_not_each_other)
{
    cr_expect(same("Can banks lend?", "May banks lend?"));
    cr_expect(same("Can I lend?", "Is it possible to lend?"));
    cr_expect_not(same("Are banks able to lend?", "Are banks allowed to lend?"));
    cr_expect_not(same("Can banks lend?", "Must banks lend?"));
    cr_expect_not(same("Can banks lend?", "Should banks lend?"));
}

/* ---- acronyms ---- */

Test(guard, takes_the_documents_word_for_an_acronym)
{
    struct guard_acronym known = {STR_LIT("CDO"), STR_LIT("chief data officer")};
    struct guard_form *brief = guard_prepare(g, STR_LIT("What is a CDO?"), &known, 1, mem),
                      *full = guard_prepare(g, STR_LIT("What is a chief data officer?"), &known, 1,
                                            mem),
                      *other = guard_prepare(
                          g, STR_LIT("What is a collateralized debt obligation?"), &known, 1, mem);

    cr_expect(guard_compare(g, brief, full, mem).same);
    cr_expect_not(guard_compare(g, brief, other, mem).same, "the documents mean something else");
    cr_expect_not(guard_compare(g, full, other, mem).same);
}

Test(guard, takes_the_pairs_word_where_the_documents_say_nothing)
{
    cr_expect(same("What is the LCR?", "What is the liquidity coverage ratio?"));
    cr_expect_not(same("What is the LCR?", "What is the liquidity coverage requirement limit?"));
    cr_expect_not(same("What is ROE?", "What is the return on assets?"));
}

Test(guard, words_that_explain_an_acronym_still_count)
{
    cr_expect(same("What is the liquidity coverage ratio (LCR)?", "What is the LCR?"));
    cr_expect_not(same("What is the internal models approach (IMA)?",
                       "What is the interim models approach (IMA)?"));
}

/* ---- limits ---- */

Test(guard, a_form_may_be_copied_and_kept)
{
    struct guard_form *a = form("What is the LCR?"),
                      *b = form("What is the liquidity coverage ratio?");
    size_t n = guard_form_bytes(a);
    struct guard_form *kept = malloc(n);

    memcpy(kept, a, n);
    memset(a, 0xff, n);
    cr_expect(guard_compare(g, kept, b, mem).same);
    free(kept);
}

Test(guard, refuses_what_is_empty_or_too_long)
{
    char text[1024];

    for (size_t i = 0; i < 400; i++)
        memcpy(text + 2 * i, "a ", 2);
    text[800] = 0;
    cr_expect_str_eq(compare(text, text).reason, "too long");
    cr_expect_str_eq(compare("", "").reason, "no content words");
    cr_expect_not(same("What is it?", ""));
}

/* Bytes of every kind, and pieces of questions in any order: no answer is asked for, only that it
 * ends within its arrays (the sanitizers look) and says the same both ways round. */
Test(guard, stands_any_bytes)
{
    unsigned seed = 7;

    for (int round = 0; round < 3000; round++) {
        char text[2][200];

        for (int k = 0; k < 2; k++) {
            size_t n = 0;

            while (n < 150 && rand_r(&seed) % 12) {
                const char *q = question((size_t)rand_r(&seed) % (2 * N_GUARD_PAIRS));
                size_t len = strlen(q), at = (size_t)rand_r(&seed) % len;
                size_t take = (size_t)rand_r(&seed) % 20;

                take = take > len - at ? len - at : take;
                memcpy(text[k] + n, q + at, take);
                n += take;
                if (rand_r(&seed) % 4 == 0)
                    text[k][n++] = (char)(1 + rand_r(&seed) % 255);
            }
            text[k][n] = 0;
        }
        cr_expect_eq(same(text[0], text[1]), same(text[1], text[0]), "%s | %s", text[0], text[1]);
        arena_reset(mem);
    }
}
