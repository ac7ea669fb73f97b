#include "query/question_check.h"

#include <unistd.h>

#include "index/filter.h"
#include "support/chat_world.h"

#define RATIO "{\"question\":\"What is the minimum CET1 ratio?\",\"filter\":{\"year\":2024}}"
#define DUE   "{\"question\":\"When is a suspicious activity report due?\"}"
#define CHESS "{\"question\":\"Who won the chess championship in Reykjavik?\"}"

static void fill(struct world *w)
{
    world_put(w, "capital.md", "The minimum CET1 ratio is 4.5 percent of risk-weighted assets.",
              "{\"year\":2024}");
    world_put(w, "reports.md", "A suspicious activity report is due within 30 calendar days.",
              "{\"year\":2019}");
}

static struct alike_stats stats(struct world *w)
{
    struct alike_stats s;

    alike_stats_get(w->engine->alike, &s);
    return s;
}

/* Has the answer to `served` checked as if it had been served for `asked`; whether they agree. */
static bool agree(struct world *w, const char *served, const char *asked)
{
    struct arena *mem = arena_new(0);
    struct alike_stats before = stats(w), s = before;
    json_t *tree = json_loads(asked, 0, NULL);
    struct world_reply r;
    struct query q;

    w->engine->config.cache.semantic_check = 1;
    query_defaults(&q, w->engine);
    cr_assert_eq(query_from_json(&q, tree, false, mem), ERR_OK, "%s", err_text());
    world_ask(w, served, &r);
    question_check_reused(w->engine, &q, r.ans.shared);
    json_decref(tree); /* what was asked is gone before it is checked */
    arena_free(mem);
    world_forget(&r);
    for (int i = 0; i < 10000 && s.events[ALIKE_CHECKED] == before.events[ALIKE_CHECKED]; i++) {
        usleep(2000);
        s = stats(w);
    }
    cr_assert_eq(s.events[ALIKE_CHECKED], before.events[ALIKE_CHECKED] + 1);
    return s.events[ALIKE_DISAGREED] == before.events[ALIKE_DISAGREED];
}

Test(question_check, quotes_agree_when_they_overlap)
{
    struct world w;

    WORLD_OPEN(&w);
    fill(&w);
    cr_expect(agree(&w, RATIO, "{\"question\":\"What's the lowest CET1 ratio?\"}"));
    cr_expect_not(agree(&w, RATIO, DUE));
    world_close(&w);
}

Test(question_check, an_answer_and_none_disagree_but_two_that_are_none_agree)
{
    struct world w;

    WORLD_OPEN(&w);
    fill(&w);
    cr_expect_not(agree(&w, RATIO, CHESS));
    cr_expect_not(agree(&w, CHESS, RATIO));
    cr_expect(agree(&w, CHESS, CHESS));
    world_close(&w);
}

Test(question_check, passages_alone_agree_when_half_of_them_are_the_same)
{
    struct world w;

    WORLD_OPEN(&w);
    fill(&w);
    cr_expect(agree(&w, "{\"question\":\"What is the minimum CET1 ratio?\",\"answer\":\"none\"}",
                    "{\"question\":\"Whose report is it?\",\"answer\":\"none\"}"),
              "there are but two");
    cr_expect_not(
        agree(&w, "{\"question\":\"What is the minimum CET1 ratio?\",\"answer\":\"none\",\"k\":1}",
              "{\"question\":\"When is a report due?\",\"answer\":\"none\",\"k\":1}"));
    world_close(&w);
}

Test(question_check, keeps_nothing_and_counts_no_question)
{
    struct world w;
    struct answers_stats before, after;

    WORLD_OPEN(&w);
    fill(&w);
    answers_stats_get(w.engine->answers, &before);
    cr_expect(agree(&w, RATIO, "{\"question\":\"What's the lowest CET1 ratio?\"}"));
    answers_stats_get(w.engine->answers, &after);
    cr_expect_eq(after.questions.entries, before.questions.entries + 1, "the served one");
    cr_expect_eq(after.outcomes[ANSWERS_OUTCOME_MISS], before.outcomes[ANSWERS_OUTCOME_MISS] + 1);
    cr_expect_eq(after.outcomes[ANSWERS_OUTCOME_HIT], before.outcomes[ANSWERS_OUTCOME_HIT]);
    world_close(&w);
}

Test(question_check, of_a_generated_answer_only_the_passages_are_found_again)
{
    struct chat_world c;
    struct answer ans = {.mem = arena_new(0)};
    struct query q;
    struct alike_stats s;

    CHAT_WORLD_OPEN(&c, 1);
    fill(&c.w);
    c.model.text = "It is 4.5 percent [1].";
    c.w.engine->config.cache.semantic_check = 1;
    trace_start(&ans.trace);
    query_defaults(&q, c.w.engine);
    q.question = STR_LIT("What is the minimum CET1 ratio?");
    q.k = 1;
    cr_assert_eq(query_answer_now(c.w.engine, &q, &ans, NULL, NULL), ERR_OK);
    question_check_reused(c.w.engine, &q, ans.shared);
    q.question = STR_LIT("When is a suspicious activity report due?");
    question_check_reused(c.w.engine, &q, ans.shared);
    for (int i = 0; i < 10000 && stats(&c.w).events[ALIKE_CHECKED] < 2; i++)
        usleep(2000);
    s = stats(&c.w);
    cr_expect_eq(s.events[ALIKE_CHECKED], 2);
    cr_expect_eq(s.events[ALIKE_DISAGREED], 1);
    cr_expect_eq(c.model.http.n_requests, 1, "the model is not asked again");
    answer_done(&ans);
    arena_free(ans.mem);
    chat_world_close(&c);
}

Test(question_check, the_share_says_how_many_are_checked)
{
    struct world w;
    struct world_reply r;
    struct query q;
    struct alike_stats s;

    WORLD_OPEN(&w);
    fill(&w);
    world_ask(&w, RATIO, &r);
    query_defaults(&q, w.engine);
    q.question = STR_LIT("What is the minimum CET1 ratio?");
    w.engine->config.cache.semantic_check = 0;
    for (int i = 0; i < 20; i++)
        question_check_reused(w.engine, &q, r.ans.shared);
    w.engine->config.cache.semantic_check = 0.25;
    for (int i = 0; i < 20; i++)
        question_check_reused(w.engine, &q, r.ans.shared);
    for (int i = 0; i < 10000 && stats(&w).events[ALIKE_CHECKED] < 5; i++)
        usleep(2000);
    pool_free(w.engine->pool); /* whatever else there might be is done */
    w.engine->pool = NULL;
    s = stats(&w);
    cr_expect_eq(s.events[ALIKE_SERVED], 40);
    cr_expect_eq(s.events[ALIKE_CHECKED], 5);
    world_forget(&r);
    world_close(&w);
}
