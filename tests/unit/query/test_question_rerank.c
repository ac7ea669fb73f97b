#include "query/question_rerank.h"

#include <math.h>

#include "net/upstream.h"
#include "support/fake_rerank.h"
#include "support/remote_world.h"
#include "unit/embed/tiny_model.h"

#define FIRST_TO_COME 30

/* Texts that a fake server embeds, and a fake one, a small model or nobody reads again. */
struct bench {
    struct remote_world world;
    struct fake_rerank server;
    struct tiny_model model;
};

static void set(struct bench *b, const char *name, const char *value)
{
    cr_assert_eq(config_set(&b->world.w.config, name, value, "test"), ERR_OK, "%s", err_text());
}

/* Search finds the words of "capital ratio" in all of them; the server prefers those with both and
 * with little else. */
static void fill(struct bench *b)
{
    world_reopen(&b->world.w);
    for (int i = 0; i < FIRST_TO_COME; i++) {
        char id[16], text[128];

        snprintf(id, sizeof id, "%02d.txt", i);
        snprintf(text, sizeof text, "The capital of number%d is %s%d.", i,
                 i == 17 ? "a ratio of " : "large: ", i * 7);
        world_put(&b->world.w, id, text, NULL);
    }
}

static void open_with_server(struct bench *b, const char *kind)
{
    char url[128];

    memset(b, 0, sizeof *b);
    remote_world_prepare(&b->world, "tei");
    fake_rerank_start(&b->server);
    set(b, "rerank.kind", kind);
    set(b, "rerank.model", "fake");
    set(b, "rerank.url", fake_url(&b->server.http, strcmp(kind, "tei") == 0 ? "" : "/v2", url));
    set(b, "rerank.timeout_ms", "500");
    fill(b);
}

static void close_with_server(struct bench *b)
{
    remote_world_close(&b->world);
    fake_rerank_stop(&b->server);
}

static void open_with_model(struct bench *b)
{
    memset(b, 0, sizeof *b);
    tiny_open(&b->model);
    tiny_make_cross(&b->model);
    remote_world_prepare(&b->world, "tei");
    set(b, "rerank.model", b->model.dir);
    fill(b);
}

static void close_with_model(struct bench *b)
{
    remote_world_close(&b->world);
    tiny_close(&b->model);
}

static const json_t *source(const struct world_reply *r, size_t i)
{
    return json_array_get(json_object_get(r->json, "sources"), i);
}

static const char *document(const struct world_reply *r, size_t i)
{
    return json_string_value(json_object_get(source(r, i), "document"));
}

static const json_t *rerank_score(const struct world_reply *r, size_t i)
{
    return json_object_get(json_object_get(source(r, i), "scores"), "rerank");
}

static bool is_degraded(const struct world_reply *r)
{
    const json_t *list = json_object_get(r->json, "degraded");

    for (size_t i = 0; i < json_array_size(list); i++)
        if (strcmp(json_string_value(json_array_get(list, i)), "rerank") == 0)
            return true;
    return false;
}

static const char plain[] = "{\"question\":\"large capital number3 number4 ratio\",\"k\":5}";
static const char reranked[] =
    "{\"question\":\"large capital number3 number4 ratio\",\"k\":5,\"rerank\":\"model\"}";

Test(question_rerank, a_server_puts_more_candidates_than_k_in_order)
{
    struct bench b;
    struct world_reply r;

    open_with_server(&b, "cohere");
    b.server.n_texts = 0;
    world_ask(&b.world.w, reranked, &r);
    cr_expect_eq(b.server.n_texts, 20);
    cr_expect_eq(r.ans.hits.n, 5);
    cr_expect_not(is_degraded(&r));
    for (size_t i = 0; i < 5; i++) {
        double before = i ? json_number_value(rerank_score(&r, i - 1)) : 1;

        cr_expect_leq(json_number_value(rerank_score(&r, i)), before, "%zu", i);
        cr_expect_eq(json_integer_value(json_object_get(source(&r, i), "n")), i + 1,
                     "sources are numbered by the order they are shown in");
        cr_expect_float_eq(json_number_value(rerank_score(&r, i)),
                           fake_score("large capital number3 number4 ratio",
                                      json_string_value(json_object_get(source(&r, i), "text"))),
                           1e-4, "%zu", i);
    }
    cr_expect_gt(r.ans.trace.ns[STAGE_RERANK], 0);
    world_forget(&r);
    close_with_server(&b);
}

Test(question_rerank, it_is_off_unless_asked_for_or_set)
{
    struct bench b;
    struct world_reply r;

    open_with_server(&b, "tei");
    b.server.n_texts = 0;
    world_ask(&b.world.w, plain, &r);
    cr_expect_eq(b.server.n_texts, 0);
    cr_expect(json_is_null(rerank_score(&r, 0)));
    cr_expect_eq(r.ans.trace.ns[STAGE_RERANK], 0);
    world_forget(&r);
    set(&b, "retrieve.rerank", "model");
    world_reopen(&b.world.w);
    world_ask(&b.world.w, plain, &r);
    cr_expect(json_is_number(rerank_score(&r, 0)));
    world_forget(&r);
    close_with_server(&b);
}

Test(question_rerank, an_answer_is_kept_for_its_reranker_alone)
{
    struct bench b;
    struct world_reply off, first, again;

    open_with_server(&b, "tei");
    world_ask(&b.world.w, plain, &off);
    world_ask(&b.world.w, reranked, &first);
    b.server.n_texts = 0;
    world_ask(&b.world.w, reranked, &again);
    cr_expect_eq(first.ans.cache, CACHE_MISS);
    cr_expect_eq(again.ans.cache, CACHE_HIT);
    cr_expect_eq(b.server.n_texts, 0);
    cr_expect(
        json_equal(json_object_get(first.json, "sources"), json_object_get(again.json, "sources")));
    world_forget(&off);
    world_forget(&first);
    world_forget(&again);
    close_with_server(&b);
}

/* R8: whatever the server does there is an answer, in the order that search gave. */
Test(question_rerank, every_fault_of_the_server_leaves_the_order_of_the_search, .timeout = 120)
{
    struct bench b;
    struct world_reply before, r;

    open_with_server(&b, "tei");
    world_ask(&b.world.w, plain, &before);
    for (int fault = RERANK_SILENT; fault < N_RERANK_FAULTS; fault++) {
        uint64_t start = clock_ns();

        b.server.fault = (enum rerank_fault)fault;
        world_ask(&b.world.w, reranked, &r);
        cr_expect(is_degraded(&r), "fault %d", fault);
        cr_expect_eq(r.ans.cache, CACHE_MISS, "fault %d: it is not kept", fault);
        cr_expect_eq(r.ans.hits.n, 5, "fault %d", fault);
        cr_expect_lt(clock_ms_since(start), 5000, "fault %d", fault);
        for (size_t i = 0; i < 5; i++) {
            cr_expect_str_eq(document(&r, i), document(&before, i), "fault %d, %zu", fault, i);
            cr_expect(json_is_null(rerank_score(&r, i)), "fault %d", fault);
        }
        world_forget(&r);
    }
    world_forget(&before);
    close_with_server(&b);
}

Test(question_rerank, a_server_that_is_slow_is_waited_for_as_long_as_the_deadline_allows)
{
    struct bench b;
    struct world_reply r;
    uint64_t start;

    open_with_server(&b, "tei");
    set(&b, "rerank.timeout_ms", "60000");
    set(&b, "rerank.batch", "4");
    world_reopen(&b.world.w);
    b.server.slow_ms = 300;
    start = clock_ns();
    world_ask(&b.world.w,
              "{\"question\":\"capital ratio\",\"k\":20,\"rerank\":\"model\",\"deadline_ms\":1000}",
              &r);
    cr_expect_lt(clock_ms_since(start), 1500);
    cr_expect(is_degraded(&r));
    cr_expect_eq(r.ans.hits.n, 20);
    cr_expect(json_is_number(rerank_score(&r, 0)), "the first four had their turn");
    cr_expect(json_is_null(rerank_score(&r, 19)));
    for (size_t i = 1; i < 20; i++)
        cr_expect_not(json_is_null(rerank_score(&r, i - 1)) && json_is_number(rerank_score(&r, i)));
    world_forget(&r);
    close_with_server(&b);
}

Test(question_rerank, our_own_model_reads_question_and_text)
{
    struct bench b;
    struct world_reply r;
    struct str text;
    struct rerank_call call = {
        .question = STR_LIT("large capital number3 number4 ratio"), .texts = &text, .n = 1};
    float score;

    open_with_model(&b);
    world_ask(&b.world.w, reranked, &r);
    cr_expect_not(is_degraded(&r));
    for (size_t i = 0; i < 5; i++) {
        text = str_of(json_string_value(json_object_get(source(&r, i), "text")));
        cr_assert_eq(reranker_score(b.world.w.engine->reranker, &call, &score), ERR_OK);
        cr_expect_float_eq(json_number_value(rerank_score(&r, i)), score, 1e-5, "%zu", i);
        cr_expect(i == 0 || json_number_value(rerank_score(&r, i)) <=
                                json_number_value(rerank_score(&r, i - 1)));
    }
    world_forget(&r);
    close_with_model(&b);
}

Test(question_rerank, a_search_is_reranked_too)
{
    struct bench b;
    struct query q;
    struct answer ans = {.mem = arena_new(0)};

    open_with_model(&b);
    query_defaults(&q, b.world.w.engine);
    q.question = STR_LIT("capital ratio");
    q.rerank = RERANK_MODEL;
    q.k = 3;
    trace_start(&ans.trace);
    cr_assert_eq(query_search(b.world.w.engine, &q, &ans), ERR_OK, "%s", err_text());
    cr_expect_eq(ans.hits.n, 3);
    cr_expect_geq(ans.hits.v[0].rerank_score, ans.hits.v[1].rerank_score);
    cr_expect_eq(ans.hits.v[0].chunk_id, ans.passages[0].chunk_id);
    cr_expect_eq(ans.hits.v[2].rerank_score, ans.passages[2].hit.rerank_score);
    answer_done(&ans);
    arena_free(ans.mem);
    close_with_model(&b);
}

Test(question_rerank, a_deadline_that_has_passed_leaves_the_model_out)
{
    struct bench b;
    struct query q;
    struct answer ans = {.mem = arena_new(0)};

    open_with_model(&b);
    query_defaults(&q, b.world.w.engine);
    q.question = STR_LIT("capital ratio");
    q.mode = SEARCH_KEYWORD;
    q.rerank = RERANK_MODEL;
    q.deadline_ms = 1;
    trace_start(&ans.trace);
    ans.trace.start_ns -= 10 * (uint64_t)1000000;
    cr_assert_eq(query_search(b.world.w.engine, &q, &ans), ERR_OK, "%s", err_text());
    cr_expect(ans.degraded & DEGRADED_RERANK);
    cr_expect(isnan(ans.hits.v[0].rerank_score));
    answer_done(&ans);
    arena_free(ans.mem);
    close_with_model(&b);
}

Test(question_rerank, without_a_reranker_there_is_none)
{
    struct remote_world w;
    struct query q;
    struct answer ans = {.mem = arena_new(0)};

    remote_world_open(&w, "tei");
    query_defaults(&q, w.w.engine);
    q.question = STR_LIT("capital ratio");
    q.rerank = RERANK_MODEL;
    trace_start(&ans.trace);
    cr_expect_eq(query_run(w.w.engine, &q, &ans), ERR_ARGUMENT);
    cr_expect(strstr(err_text(), "rerank.model"), "%s", err_text());
    cr_expect_eq(query_search(w.w.engine, &q, &ans), ERR_ARGUMENT);
    cr_expect_eq(question_candidates(w.w.engine, &q), 20);
    q.rerank = RERANK_OFF;
    cr_expect_eq(question_rerank_check(w.w.engine, &q), ERR_OK);
    cr_expect_eq(question_candidates(w.w.engine, &q), q.k);
    cr_expect_str_eq(question_rerank_name(w.w.engine, &q, ans.mem), "off");
    answer_done(&ans);
    arena_free(ans.mem);
    remote_world_close(&w);
}
