#include "generate/routing.h"

#include <criterion/criterion.h>
#include <math.h>

#include "base/buf.h"

static struct route_choice choose(const char *text, struct arena *mem)
{
    return route_choose(&(struct route_question){.text = str_of(text)}, NULL, mem);
}

Test(routing, a_look_up_goes_to_the_fast_model)
{
    static const char *const texts[] = {
        "What is CET1?",
        "Who has to approve the compliance program?",
        "When does a bank have to file a currency transaction report?",
        "What was the largest liability in the balance sheet in 2022?",
        "Which reports are due for transactions of more than $10,000?",
        "What is the year end FY2019 total amount of inventories?",
        "How many days does a bank have?",
        "What is the weighted average interest rate?",
        "Wie hoch ist die Mindestquote?",
        "",
    };
    struct arena *mem = arena_new(0);

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct route_choice c = choose(texts[i], mem);

        cr_expect_eq(c.route, ROUTE_FAST, "%s: %s", texts[i], c.reason);
    }
    cr_expect_str_eq(choose("What is CET1?", mem).reason, "a plain question");
    cr_expect_str_eq(route_name(ROUTE_FAST), "fast");
    arena_free(mem);
}

Test(routing, what_has_to_be_thought_about_goes_to_the_best_model_and_the_reason_says_why)
{
    static const struct {
        const char *text, *reason;
    } cases[] = {
        {"What is the percentage change in revenue?", "computation"},
        {"What is the average cost of sales in 2018 and 2019?", "computation"},
        {"Calculate the quick ratio.", "computation"},
        {"Compare Tier 1 and Tier 2 capital", "comparison"},
        {"What is the difference between CET1 and AT1?", "comparison"},
        {"In which year was revenue higher?", "comparison"},
        {"Why must banks hold capital?", "reasons"},
        {"How does the leverage ratio affect lending?", "reasons"},
        {"Explain Basel III", "reasons"},
        {"Did margins improve over time?", "trend"},
        {"What was the change in deferred tax between 2018 and FY19?", "trend"},
        {"Is this a capital-intensive business?", "judgement"},
        {"What is the limit? Who may exceed it?", "several parts"},
        {"What is the limit and when does it apply?", "several parts"},
    };
    struct arena *mem = arena_new(0);

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct route_choice c = choose(cases[i].text, mem);

        cr_expect_eq(c.route, ROUTE_BEST_MODEL, "%s: %s", cases[i].text, c.reason);
        cr_expect_not_null(strstr(c.reason, cases[i].reason), "%s: %s", cases[i].text, c.reason);
    }
    cr_expect_str_eq(route_name(ROUTE_BEST_MODEL), "best");
    arena_free(mem);
}

Test(routing, points_add_up_and_one_alone_is_not_enough)
{
    struct arena *mem = arena_new(0);
    struct route_question q = {.text = STR_LIT("And in 2023?"), .n_history = 2};
    struct route_choice c = route_choose(&q, NULL, mem);

    cr_expect_eq(c.points, 1);
    cr_expect_eq(c.route, ROUTE_FAST);
    q.searched = true; /* and nothing was found */
    c = route_choose(&q, NULL, mem);
    cr_expect_eq(c.points, 2);
    cr_expect_eq(c.rules, 1u << RULE_HISTORY | 1u << RULE_FEW);
    cr_expect_eq(c.route, ROUTE_BEST_MODEL);
    cr_expect_str_eq(c.reason, "hardly any passage was found (+1), needs the turns before it (+1)");
    arena_free(mem);
}

Test(routing, a_long_question_alone_is_still_fast)
{
    struct arena *mem = arena_new(0);
    struct buf b;
    struct route_choice c;

    buf_init(&b);
    for (int i = 0; i < ROUTE_WORDS_LONG; i++)
        buf_add_str(&b, "word ");
    c = choose(b.p, mem);
    cr_expect_eq(c.rules, 1u << RULE_LONG);
    cr_expect_eq(c.route, ROUTE_FAST);
    buf_done(&b);
    arena_free(mem);
}

static struct passage found(const char *document, double cosine)
{
    return (struct passage){.document = str_of(document), .hit.vector_score = (float)cosine};
}

Test(routing, weak_and_flat_retrieval_count)
{
    struct arena *mem = arena_new(0);
    struct passage weak[] = {found("a", 0.2), found("a", 0.1)};
    struct passage flat[] = {found("a", 0.61), found("b", 0.605), found("c", 0.6), found("d", 0.6)};
    struct passage both[] = {found("a", 0.2), found("b", 0.2), found("c", 0.2), found("d", 0.2)};
    struct passage by_words[] = {found("a", NAN), found("b", NAN), found("c", NAN),
                                 found("d", NAN)};
    struct route_question q = {.text = STR_LIT("What is X?"), .searched = true};

    q.passages = weak;
    q.n_passages = 2;
    cr_expect_eq(route_choose(&q, NULL, mem).rules, 1u << RULE_WEAK);
    q.passages = flat;
    q.n_passages = 4;
    cr_expect_eq(route_choose(&q, NULL, mem).rules, 1u << RULE_FLAT);
    q.passages = both;
    cr_expect_eq(route_choose(&q, NULL, mem).route, ROUTE_BEST_MODEL);
    q.passages = by_words;
    cr_expect_eq(route_choose(&q, NULL, mem).rules, 0, "without cosines nothing is known");
    arena_free(mem);
}

Test(routing, neighbours_and_further_passages_do_not_count)
{
    struct arena *mem = arena_new(0);
    struct passage p[8] = {found("a", 0.8)};
    struct route_question q = {.text = STR_LIT("What is X?"), .passages = p, .searched = true};

    for (int i = 1; i < 8; i++) {
        p[i] = found("b", 0.8);
        p[i].is_neighbour = true;
    }
    q.n_passages = 8;
    cr_expect_eq(route_choose(&q, NULL, mem).rules, 1u << RULE_FEW);
    arena_free(mem);
}

static int by_tenant(void *arg, const struct route_question *q, const char **reason)
{
    *reason = "the tenant's plan";
    return strcmp(q->tenant, "gold") == 0 ? *(int *)arg : -100;
}

Test(routing, a_tenant_may_have_rules_of_its_own)
{
    struct arena *mem = arena_new(0);
    int points = ROUTE_POINTS_BEST;
    struct route_rules rules = {.tenant = by_tenant, .arg = &points};
    struct route_question q = {.text = STR_LIT("What is X?"), .tenant = "gold"};
    struct route_choice c = route_choose(&q, &rules, mem);

    cr_expect_eq(c.route, ROUTE_BEST_MODEL);
    cr_expect_str_eq(c.reason, "the tenant's plan (+2)");
    q.text = STR_LIT("Why is X compared with Y?");
    q.tenant = "lead";
    c = route_choose(&q, &rules, mem);
    cr_expect_eq(c.route, ROUTE_FAST);
    cr_expect_not_null(strstr(c.reason, "(-100)"));
    arena_free(mem);
}

Test(routing, every_rule_has_a_name)
{
    for (int i = 0; i < N_ROUTE_RULES; i++)
        cr_expect_gt(strlen(route_rule_name((enum route_rule)i)), 2);
}
