#include "query/refresh.h"

#include <string.h>

#include "support/chat_world.h"

static const struct answer_listener nobody;

#define FROGS "{\"question\":\"What do frogs eat?\"}"

static void ask(struct world *w, const char *request, char status[32], char answer[256])
{
    struct world_reply r;

    world_ask(w, request, &r);
    snprintf(status, 32, "%s",
             json_string_value(json_object_get(json_object_get(r.json, "cache"), "status")));
    snprintf(answer, 256, "%s", json_string_value(json_object_get(r.json, "answer")));
    world_forget(&r);
}

static void ask_often(struct world *w, const char *request)
{
    char status[32], answer[256];

    for (int i = 0; i < 3; i++)
        ask(w, request, status, answer);
}

Test(refresh, a_popular_question_has_its_new_answer_before_it_is_asked)
{
    struct world w;
    struct refresh_report r = {0};
    char status[32], answer[256];

    WORLD_OPEN(&w);
    world_put(&w, "frogs", "Frogs eat flies.", NULL);
    ask_often(&w, FROGS);
    ask(&w, "{\"question\":\"Who eats flies?\"}", status, answer);
    cr_expect_eq(refresh_some(w.engine, 10, &nobody, &r), 0, "nothing has changed");
    world_put(&w, "frogs", "Frogs eat pasta.", NULL);
    cr_expect_eq(refresh_some(w.engine, 10, &nobody, &r), 1, "the one that is popular");
    cr_expect_eq(r.n_made, 1);
    ask(&w, FROGS, status, answer);
    cr_expect_str_eq(status, "precomputed");
    cr_expect(strstr(answer, "pasta"), "%s", answer);
    cr_expect_eq(refresh_some(w.engine, 10, &nobody, &r), 0, "once an epoch");
    world_close(&w);
}

Test(refresh, an_answer_that_still_stands_is_found_and_not_made)
{
    struct world w;
    struct refresh_report r = {0};
    char status[32], answer[256];

    WORLD_OPEN(&w);
    world_put(&w, "frogs", "Frogs eat flies.", NULL);
    ask_often(&w, "{\"question\":\"What do frogs eat?\"}");
    world_put(&w, "banks", "A bank lends money.", NULL);
    world_remove(&w, "banks");
    cr_expect_eq(refresh_some(w.engine, 10, &nobody, &r), 1);
    cr_expect_eq(r.n_found, 1);
    ask(&w, FROGS, status, answer);
    cr_expect_str_eq(status, "hit");
    world_close(&w);
}

Test(refresh, spends_nothing_on_a_language_model_unless_it_may)
{
    struct chat_world c;
    struct refresh_report r = {0};
    struct query q;
    struct answer ans;
    int before;

    CHAT_WORLD_OPEN(&c, 1);
    c.model.text = "Frogs eat flies [1].";
    world_put(&c.w, "frogs", "Frogs eat flies.", NULL);
    for (int i = 0; i < 3; i++) {
        ans = (struct answer){.mem = arena_new(0)};
        trace_start(&ans.trace);
        query_defaults(&q, c.w.engine);
        q.question = STR_LIT("What do frogs eat?");
        cr_assert_eq(query_answer_now(c.w.engine, &q, &ans, NULL, NULL), ERR_OK);
        answer_done(&ans);
        arena_free(ans.mem);
    }
    before = atomic_load(&c.model.http.n_requests);
    world_put(&c.w, "frogs", "Frogs eat pasta.", NULL);
    cr_expect_eq(refresh_some(c.w.engine, 10, &nobody, &r), 1);
    cr_expect_eq(r.n_left, 1);
    cr_expect_eq(atomic_load(&c.model.http.n_requests), before);
    strcpy(c.w.engine->config.precompute.refresh, "all");
    world_put(&c.w, "frogs", "Frogs eat pasta and rice.", NULL);
    cr_expect_eq(refresh_some(c.w.engine, 10, &nobody, &r), 1);
    cr_expect_eq(r.n_made, 1);
    cr_expect_eq(atomic_load(&c.model.http.n_requests), before + 1);
    chat_world_close(&c);
}

Test(refresh, sees_to_the_most_popular_first_and_to_no_more_than_it_may)
{
    struct world w;
    struct refresh_report r = {0};
    char status[32], answer[256];

    WORLD_OPEN(&w);
    world_put(&w, "frogs", "Frogs eat flies.", NULL);
    ask_often(&w, "{\"question\":\"Who eats flies?\"}");
    ask_often(&w, FROGS);
    ask(&w, FROGS, status, answer);
    world_put(&w, "frogs", "Frogs eat flies and pasta.", NULL);
    cr_expect_eq(refresh_some(w.engine, 1, &nobody, &r), 1);
    ask(&w, FROGS, status, answer);
    cr_expect_str_eq(status, "precomputed");
    ask(&w, "{\"question\":\"Who eats flies?\"}", status, answer);
    cr_expect_str_eq(status, "miss");
    world_close(&w);
}

Test(refresh, what_was_kept_is_popular_after_a_restart)
{
    struct world w;
    struct refresh_report r = {0};
    char status[32], answer[256];

    WORLD_OPEN(&w);
    w.config.cache.keep_questions = true;
    world_reopen(&w);
    world_put(&w, "frogs", "Frogs eat flies.", NULL);
    ask_often(&w, FROGS);
    world_reopen(&w);
    cr_expect_eq(refresh_some(w.engine, 10, &nobody, &r), 0, "not known yet");
    refresh_recall(w.engine);
    cr_expect_eq(refresh_some(w.engine, 10, &nobody, &r), 1);
    ask(&w, FROGS, status, answer);
    cr_expect(strcmp(status, "precomputed") == 0 || strcmp(status, "hit") == 0, "%s", status);
    world_close(&w);
}

Test(refresh, a_collection_that_is_gone_needs_no_answers)
{
    struct world w;
    struct refresh_report r = {0};

    WORLD_OPEN(&w);
    world_put(&w, "frogs", "Frogs eat flies.", NULL);
    ask_often(&w, FROGS);
    cr_assert_eq(retriever_drop_collection(w.engine->retriever, "default", "default"), ERR_OK);
    cr_expect_eq(refresh_some(w.engine, 10, &nobody, &r), 0);
    world_close(&w);
}
