#include "query/question_chat.h"

#include <math.h>

#include "generate/chat_models.h"
#include "support/chat_world.h"

static struct query asking(const struct engine *e, const char *question)
{
    struct query q;

    query_defaults(&q, e);
    q.question = str_of(question);
    return q;
}

Test(question_chat, without_models_nobody_is_asked_and_who_insists_is_told)
{
    struct world w;
    struct query q;

    WORLD_OPEN(&w);
    q = asking(w.engine, "What is CET1?");
    cr_expect_not(question_chat_wanted(w.engine, &q));
    cr_expect_eq(question_chat_check(w.engine, &q), ERR_OK);
    q.answer = QUERY_ANSWER_CHAT;
    cr_expect_eq(question_chat_check(w.engine, &q), ERR_ARGUMENT);
    cr_expect(strstr(err_text(), "no language model is configured"), "%s", err_text());
    q.answer = QUERY_ANSWER_AUTO;
    q.model = "fast";
    cr_expect_eq(question_chat_check(w.engine, &q), ERR_ARGUMENT);
    world_close(&w);
}

Test(question_chat, a_plain_question_goes_to_the_fast_model_a_hard_one_to_the_best)
{
    struct chat_world c;
    struct answer ans = {.mem = arena_new(0)};
    struct query q;
    struct question_chat *chat;

    CHAT_WORLD_OPEN(&c, 2);
    trace_start(&ans.trace);
    q = asking(c.w.engine, "What is the CET1 ratio?");
    chat = question_chat_choose(c.w.engine, &q, &ans);
    cr_expect_not(chat->forced);
    cr_expect_eq(chat->n_models, 2, "the other one stands in");
    q = asking(c.w.engine, "Compare Basel II with Basel III and explain the difference.");
    chat = question_chat_choose(c.w.engine, &q, &ans);
    cr_expect_str_eq(chat->choice, "best");
    cr_expect_eq(chat->models[0], 1);
    cr_expect_eq(chat->models[1], 0);
    cr_expect(strstr(chat->reason, "compar"), "%s", chat->reason);
    arena_free(ans.mem);
    chat_world_close(&c);
}

Test(question_chat, a_model_that_is_named_is_asked_and_no_other)
{
    struct chat_world c;
    struct answer ans = {.mem = arena_new(0)};
    struct query q;
    struct question_chat *chat;

    CHAT_WORLD_OPEN(&c, 2);
    trace_start(&ans.trace);
    q = asking(c.w.engine, "What is CET1?");
    q.model = "best";
    chat = question_chat_choose(c.w.engine, &q, &ans);
    cr_expect(chat->forced);
    cr_expect_eq(chat->n_models, 1);
    cr_expect_str_eq(chat->choice, "best");
    q.model = "nosuch";
    cr_expect_eq(question_chat_check(c.w.engine, &q), ERR_ARGUMENT);
    arena_free(ans.mem);
    chat_world_close(&c);
}

Test(question_chat, one_model_is_fast_and_best)
{
    struct chat_world c;
    struct answer ans = {.mem = arena_new(0)};
    struct query q;

    CHAT_WORLD_OPEN(&c, 1);
    trace_start(&ans.trace);
    q = asking(c.w.engine, "Compare this with that and explain why.");
    cr_expect_str_eq(question_chat_choose(c.w.engine, &q, &ans)->choice, "fast");
    q.model = "best";
    cr_expect_eq(question_chat_check(c.w.engine, &q), ERR_OK);
    arena_free(ans.mem);
    chat_world_close(&c);
}

Test(question_chat, a_deadline_that_is_near_leaves_no_time_for_a_model)
{
    struct chat_world c;
    struct answer ans = {.mem = arena_new(0)};
    struct query q;

    CHAT_WORLD_OPEN(&c, 1);
    trace_start(&ans.trace);
    q = asking(c.w.engine, "What is CET1?");
    q.deadline_ms = 1;
    cr_expect_null(question_chat_choose(c.w.engine, &q, &ans));
    q.deadline_ms = 60000;
    cr_expect_gt(question_chat_choose(c.w.engine, &q, &ans)->until_ns, clock_ns());
    arena_free(ans.mem);
    chat_world_close(&c);
}

Test(question_chat, settings_change_with_all_that_changes_the_prompt)
{
    struct chat_world c;
    struct arena *mem = arena_new(0);
    struct chat_message turn = {CHAT_USER, STR_LIT("Hello.")};
    struct query q, other;
    const char *plain;

    CHAT_WORLD_OPEN(&c, 2);
    q = asking(c.w.engine, "What is CET1?");
    plain = question_chat_settings(c.w.engine, &q, mem);
    cr_expect_str_eq(question_chat_settings(c.w.engine, &q, mem), plain);
#define EXPECT_OTHER(change)                                                                       \
    do {                                                                                           \
        other = q;                                                                                 \
        change;                                                                                    \
        cr_expect_str_neq(question_chat_settings(c.w.engine, &other, mem), plain, #change);        \
    } while (0)
    EXPECT_OTHER(other.model = "best");
    EXPECT_OTHER(other.max_tokens = 5);
    EXPECT_OTHER(other.temperature = 0);
    EXPECT_OTHER((other.history = &turn, other.n_history = 1));
    other = q;
    other.answer = QUERY_ANSWER_EXTRACTIVE;
    cr_expect_str_eq(question_chat_settings(c.w.engine, &other, mem), "", "none is wanted");
    arena_free(mem);
    chat_world_close(&c);
}
