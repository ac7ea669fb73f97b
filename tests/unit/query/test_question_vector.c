#include "query/question_vector.h"

#include <math.h>
#include <pthread.h>

#include "support/made_chunks.h"

/* A second a token: no deadline below leaves room for that, whatever the machine does. */
#define SLOW_NS 1000000000u

static const char in_a_hurry[] =
    "{\"question\":\"doctor\",\"mode\":\"vector\",\"deadline_ms\":1500,\"answer\":\"none\"}";

static void say_the_encoder_is_slow(struct world *w)
{
    atomic_store(&w->engine->embed_token_ns, SLOW_NS);
}

static bool is_degraded(const struct world_reply *r, const char *name)
{
    const json_t *list = json_object_get(r->json, "degraded");

    for (size_t i = 0; i < json_array_size(list); i++)
        if (strcmp(json_string_value(json_array_get(list, i)), name) == 0)
            return true;
    return false;
}

static const char *first_text(const struct world_reply *r)
{
    const json_t *sources = json_object_get(r->json, "sources");

    return json_string_value(json_object_get(json_array_get(sources, 0), "text"));
}

Test(question_vector, a_table_stands_in_when_the_deadline_is_nearer_than_the_encoder)
{
    struct world w;
    struct world_reply r;

    WORLD_OPEN(&w);
    made_put(&w, 0, STATIC_CHUNKS_MIN);
    made_settle(&w);
    say_the_encoder_is_slow(&w);
    world_ask(&w, in_a_hurry, &r);
    cr_expect(is_degraded(&r, "embed"));
    cr_expect(strstr(first_text(&r), "doctor"), "%s", first_text(&r));
    cr_expect_gt(r.ans.hits.v[0].vector_score, 0.9f, "found by its vector");
    cr_expect_eq(atomic_load(&w.engine->embed_token_ns), SLOW_NS, "the encoder has not run");
    world_forget(&r);
    world_close(&w);
}

Test(question_vector, without_a_table_the_words_decide)
{
    struct world w;
    struct world_reply r;

    WORLD_OPEN(&w);
    made_put(&w, 0, 10);
    say_the_encoder_is_slow(&w);
    world_ask(&w, in_a_hurry, &r);
    cr_expect(is_degraded(&r, "embed"));
    cr_expect(strstr(first_text(&r), "doctor"), "%s", first_text(&r));
    cr_expect(isnan(r.ans.hits.v[0].vector_score));
    world_forget(&r);
    world_close(&w);
}

Test(question_vector, what_stood_in_is_neither_stored_nor_remembered)
{
    struct world w;
    struct world_reply r;

    WORLD_OPEN(&w);
    made_put(&w, 0, STATIC_CHUNKS_MIN);
    made_settle(&w);
    say_the_encoder_is_slow(&w);
    world_ask(&w, in_a_hurry, &r);
    cr_expect_eq(r.ans.cache, CACHE_MISS);
    world_forget(&r);
    made_put(&w, STATIC_CHUNKS_MIN, STATIC_CHUNKS_MIN + 1); /* another epoch: only a vector helps */
    world_ask(&w, "{\"question\":\"doctor\",\"mode\":\"vector\",\"answer\":\"none\"}", &r);
    cr_expect_eq(r.ans.cache, CACHE_MISS);
    cr_expect_not(is_degraded(&r, "embed"));
    cr_expect_neq(atomic_load(&w.engine->embed_token_ns), SLOW_NS, "the encoder has run");
    world_forget(&r);
    world_close(&w);
}

Test(question_vector, a_stored_answer_does_not_hide_what_was_left_out)
{
    struct world w;
    struct world_reply r;

    WORLD_OPEN(&w);
    made_put(&w, 0, STATIC_CHUNKS_MIN);
    made_settle(&w);
    world_ask(&w, "{\"question\":\"doctor\",\"mode\":\"vector\",\"answer\":\"none\"}", &r);
    world_forget(&r);
    say_the_encoder_is_slow(&w);
    world_ask(&w, in_a_hurry, &r);
    cr_expect_eq(r.ans.cache, CACHE_HIT, "the encoder's own answer is there: no need to hurry");
    cr_expect_not(is_degraded(&r, "embed"));
    world_forget(&r);
    world_close(&w);
}

Test(question_vector, without_a_deadline_and_load_the_encoder_is_asked_however_slow)
{
    struct world w;
    struct world_reply r;

    WORLD_OPEN(&w);
    made_put(&w, 0, 10);
    say_the_encoder_is_slow(&w);
    world_ask(&w, "{\"question\":\"doctor\",\"answer\":\"none\"}", &r);
    cr_expect_not(is_degraded(&r, "embed"));
    cr_expect_lt(atomic_load(&w.engine->embed_token_ns), SLOW_NS, "and its time is learned");
    world_forget(&r);
    world_close(&w);
}

Test(question_vector, switched_off_the_encoder_is_asked_however_late_it_is)
{
    struct world w;
    struct world_reply r;

    WORLD_OPEN(&w);
    cr_assert_eq(config_set(&w.config, "embed.static", "off", "test"), ERR_OK);
    world_reopen(&w);
    made_put(&w, 0, 10);
    say_the_encoder_is_slow(&w);
    world_ask(&w, in_a_hurry, &r);
    cr_expect_not(is_degraded(&r, "embed"));
    world_forget(&r);
    world_close(&w);
}

/* Holds a worker until it is told. */
struct gate {
    pthread_mutex_t mu;
    pthread_cond_t opened;
    bool open;
    int n_waiting;
};

static void wait_at(void *arg, int i_worker)
{
    struct gate *g = arg;

    (void)i_worker;
    pthread_mutex_lock(&g->mu);
    g->n_waiting++;
    while (!g->open)
        pthread_cond_wait(&g->opened, &g->mu);
    pthread_mutex_unlock(&g->mu);
}

static void open_gate(struct gate *g)
{
    pthread_mutex_lock(&g->mu);
    g->open = true;
    pthread_cond_broadcast(&g->opened);
    pthread_mutex_unlock(&g->mu);
}

Test(question_vector, a_long_queue_makes_the_table_stand_in)
{
    struct world w;
    struct world_reply r;
    struct gate gate = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false, 0};

    WORLD_OPEN(&w);
    made_put(&w, 0, STATIC_CHUNKS_MIN);
    made_settle(&w);
    say_the_encoder_is_slow(&w);
    for (int i = 0; i < 2 * pool_threads(w.engine->pool); i++)
        cr_assert_eq(pool_submit(w.engine->pool, QUEUE_URGENT, wait_at, &gate), ERR_OK);
    world_ask(&w, "{\"question\":\"doctor\",\"answer\":\"none\"}", &r);
    open_gate(&gate);
    cr_expect(is_degraded(&r, "embed"));
    world_forget(&r);
    world_close(&w);
}

Test(question_vector, a_search_says_so_too)
{
    struct world w;
    struct query q;
    struct answer ans = {.mem = arena_new(0)};
    struct buf b;

    WORLD_OPEN(&w);
    buf_init(&b);
    made_put(&w, 0, STATIC_CHUNKS_MIN);
    made_settle(&w);
    query_defaults(&q, w.engine);
    q.question = STR_LIT("river");
    q.encoder = QUERY_ENCODER_STATIC;
    trace_start(&ans.trace);
    cr_assert_eq(query_search(w.engine, &q, &ans), ERR_OK, "%s", err_text());
    query_search_reply(&q, &ans, &b);
    cr_expect(strstr(b.p, "\"degraded\":[\"embed\"]"), "%s", b.p);
    buf_done(&b);
    arena_free(ans.mem);
    world_close(&w);
}

Test(question_vector, who_insists_on_a_table_is_told_when_there_is_none)
{
    struct world w;
    struct query q;
    struct answer ans = {.mem = arena_new(0)};

    WORLD_OPEN(&w);
    made_put(&w, 0, 10);
    query_defaults(&q, w.engine);
    q.question = STR_LIT("doctor");
    q.encoder = QUERY_ENCODER_STATIC;
    trace_start(&ans.trace);
    cr_expect_eq(query_search(w.engine, &q, &ans), ERR_NOT_FOUND);
    cr_expect(strstr(err_text(), "200 chunks"), "%s", err_text());
    arena_free(ans.mem);
    world_close(&w);
}
