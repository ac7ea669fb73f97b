#include "query/inquiry.h"

#include "cache/alike.h"
#include "cache/tiers.h"
#include "support/chat_world.h"
#include "support/redis_server.h"
#include "support/remote_world.h"
#include "unit/query/query_fixture.h"

Test(inquiry_kept, the_same_question_again_comes_from_the_cache_with_the_same_answer)
{
    struct world w;
    struct world_reply a, b;

    WORLD_OPEN(&w);
    fill(&w);
    world_ask(&w, capital, &a);
    world_ask(&w, capital, &b);
    cr_expect_eq(a.ans.cache, CACHE_MISS);
    cr_expect_eq(b.ans.cache, CACHE_HIT);
    cr_expect(json_equal(json_object_get(a.json, "sources"), json_object_get(b.json, "sources")));
    cr_expect_eq(b.ans.trace.ns[STAGE_EMBED], 0);
    world_forget(&a);
    world_forget(&b);
    world_close(&w);
}

/* The same passages come to the same question, but quotes are chosen by words. */
Test(inquiry_kept, no_answer_outlives_the_language_it_was_chosen_by)
{
    static const char question[] = "{\"question\":\"What is the minimum CET1 ratio?\"}";
    struct world w;
    struct world_reply before, after;

    WORLD_OPEN(&w);
    fill(&w);
    world_ask(&w, question, &before);
    cr_assert_eq(retriever_set_settings(w.engine->retriever, "default", "default",
                                        STR_LIT("{\"language\":\"porter\"}")),
                 ERR_OK, "%s", err_text());
    world_ask(&w, question, &after);
    cr_expect_eq(after.ans.cache, CACHE_MISS);
    cr_expect_eq(json_array_size(json_object_get(before.json, "sources")),
                 json_array_size(json_object_get(after.json, "sources")));
    world_forget(&before);
    world_forget(&after);
    world_close(&w);
}

Test(inquiry_kept, a_change_of_language_is_looked_at_again)
{
    static const char question[] = "{\"question\":\"Wo steht das Haus?\",\"mode\":\"keyword\"}";
    struct world w;
    struct world_reply before, after;

    WORLD_OPEN(&w);
    world_put(&w, "a.md", "Am See stehen die H\u00e4user der Fischer seit hundert Jahren.", NULL);
    world_ask(&w, question, &before);
    cr_expect_eq(json_array_size(json_object_get(before.json, "sources")), 0);
    cr_assert_eq(retriever_set_settings(w.engine->retriever, "default", "default",
                                        STR_LIT("{\"language\":\"german\"}")),
                 ERR_OK, "%s", err_text());
    world_ask(&w, question, &after);
    cr_expect_eq(json_array_size(json_object_get(after.json, "sources")), 1);
    cr_expect_neq(after.ans.cache, CACHE_HIT);
    world_forget(&before);
    world_forget(&after);
    world_close(&w);
}

Test(inquiry_kept, no_store_leaves_no_trace_and_only_makes_no_run)
{
    struct world w;
    struct world_reply r;
    struct query q;
    struct answer ans = {.mem = arena_new(0)};

    WORLD_OPEN(&w);
    fill(&w);
    world_ask(&w, "{\"question\":\"What is the minimum CET1 ratio?\",\"cache\":\"no-store\"}", &r);
    cr_expect_eq(r.ans.cache, CACHE_BYPASS);
    world_forget(&r);
    query_defaults(&q, w.engine);
    q.question = STR_LIT("What is the minimum CET1 ratio?");
    q.cache = QUERY_CACHE_ONLY;
    trace_start(&ans.trace);
    cr_expect_eq(query_run(w.engine, &q, &ans), ERR_TIMEOUT);
    arena_free(ans.mem);
    world_close(&w);
}

static void ask_times(struct world *w, int n)
{
    struct world_reply r;

    for (int i = 0; i < n; i++) {
        world_ask(w, capital, &r);
        world_forget(&r);
    }
}

Test(inquiry_kept, what_is_asked_often_is_there_after_a_restart)
{
    struct world w;
    struct world_reply r;

    WORLD_OPEN(&w);
    fill(&w);
    ask_times(&w, 1 + TIERS_POPULAR);
    world_reopen(&w);
    world_ask(&w, capital, &r);
    cr_expect_eq(r.ans.cache, CACHE_STORED);
    cr_expect(json_is_true(json_object_get(r.json, "answered")));
    world_forget(&r);
    world_ask(&w, capital, &r);
    cr_expect_eq(r.ans.cache, CACHE_HIT, "from memory again");
    world_forget(&r);
    world_close(&w);
}

Test(inquiry_kept, what_is_asked_once_is_made_again_after_a_restart)
{
    struct world w;
    struct world_reply r;

    WORLD_OPEN(&w);
    fill(&w);
    ask_times(&w, 1);
    world_reopen(&w);
    world_ask(&w, capital, &r);
    cr_expect_eq(r.ans.cache, CACHE_MISS);
    world_forget(&r);
    world_close(&w);
}

Test(inquiry_kept, a_document_that_has_changed_takes_its_answers_from_the_store_too)
{
    struct world w;
    struct world_reply r;

    WORLD_OPEN(&w);
    fill(&w);
    ask_times(&w, 1 + TIERS_POPULAR);
    world_reopen(&w);
    world_put(&w, "capital.md", "The minimum CET1 ratio is 5 percent.", NULL);
    world_ask(&w, capital, &r);
    cr_expect_eq(r.ans.cache, CACHE_MISS);
    cr_expect(strstr(json_string_value(json_object_get(r.json, "answer")), "5 percent"));
    world_forget(&r);
    world_close(&w);
}

Test(inquiry_kept, a_precomputed_answer_says_so_and_is_counted_for_nobody)
{
    struct world w;
    struct world_reply r;
    struct answers_stats before, after;
    struct answer ans = {.mem = arena_new(0)};
    struct query q;

    WORLD_OPEN(&w);
    fill(&w);
    query_defaults(&q, w.engine);
    q.question = STR_LIT("What is the minimum CET1 ratio?");
    q.precomputing = true;
    q.ttl_ms = 86400000;
    trace_start(&ans.trace);
    answers_stats_get(w.engine->answers, &before);
    cr_assert_eq(query_run(w.engine, &q, &ans), ERR_OK, "%s", err_text());
    answers_stats_get(w.engine->answers, &after);
    cr_expect_arr_eq(before.outcomes, after.outcomes, sizeof before.outcomes);
    answer_done(&ans);
    arena_free(ans.mem);
    world_reopen(&w);
    for (int i = 0; i < 2; i++) {
        world_ask(&w, capital, &r);
        cr_expect_eq(r.ans.cache, CACHE_PRECOMPUTED, "from the store, then from memory");
        cr_expect_gt(json_integer_value(json_object_get(json_object_get(r.json, "cache"), "ttl_s")),
                     86000);
        world_forget(&r);
    }
    world_close(&w);
}

/* An engine that embeds elsewhere, asks a language model and shares its answers. Its one document
 * is found by words as by vectors: both come to the same prompt. */
struct shared_house {
    struct remote_world r;
    struct chat_world c; /* its world is a copy of r's, while the house is built */
    struct redis_server redis;
};

static void house_open(struct shared_house *h)
{
    redis_server_start(&h->redis, "");
    remote_world_open(&h->r, "openai");
    snprintf(h->r.w.config.redis.url, sizeof h->r.w.config.redis.url, "%s", h->redis.url);
    h->r.w.config.redis.timeout_ms = 30000;
    h->c.w = h->r.w;
    chat_world_configure(&h->c, 1);
    h->r.w = h->c.w;
    while (tiers_ticket(h->r.w.engine->tiers) == 0)
        redis_pause(1);
    world_put(&h->r.w, "capital.md", "The minimum CET1 ratio is 4.5 percent.", NULL);
}

static void house_close(struct shared_house *h)
{
    remote_world_close(&h->r);
    fake_chat_stop(&h->c.model);
    redis_server_stop(&h->redis);
}

/* What is left of an answer is what the replicas share. */
static void only_redis_has_it(struct world *w)
{
    struct tiers_stats s;

    do {
        redis_pause(1);
        tiers_stats_get(w->engine->tiers, &s);
    } while (s.shared.stored == 0);
    answers_clear(w->engine->answers);
    alike_clear(w->engine->alike);
    w->config.cache.store_bytes = 0;
    world_reopen(w);
    while (tiers_ticket(w->engine->tiers) == 0)
        redis_pause(1);
}

static int ask_alike(struct world *w, struct answer *ans)
{
    struct query q;
    int rc;

    *ans = (struct answer){.mem = arena_new(0)};
    trace_start(&ans->trace);
    query_defaults(&q, w->engine);
    q.question = STR_LIT("What is the minimum CET1 ratio?");
    q.semantic = QUERY_SEMANTIC_STRICT;
    rc = query_answer_now(w->engine, &q, ans, NULL, NULL);
    answer_done(ans);
    return rc;
}

Test(inquiry_kept, a_run_without_the_encoder_takes_no_replicas_answer_and_leaves_no_question)
{
    struct shared_house h;
    struct answer ans;
    struct alike_stats alike;
    struct answers_stats answers;

    REDIS_OR_SKIP();
    house_open(&h);
    cr_assert_eq(ask_alike(&h.r.w, &ans), ERR_OK, "%s", err_text());
    arena_free(ans.mem);
    only_redis_has_it(&h.r.w);
    fake_embed_fail(&h.r.server, FAKE_500, 0);
    cr_assert_eq(ask_alike(&h.r.w, &ans), ERR_OK, "%s", err_text());
    cr_expect_eq(ans.degraded, DEGRADED_EMBED);
    cr_expect_eq(ans.cache, CACHE_MISS);
    arena_free(ans.mem);
    alike_stats_get(h.r.w.engine->alike, &alike);
    answers_stats_get(h.r.w.engine->answers, &answers);
    cr_expect_eq(alike.questions, 0);
    cr_expect_eq(answers.questions.entries, 0);
    house_close(&h);
}
