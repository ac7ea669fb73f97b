#include "server/ask.h"

#include "server/metrics.h"
#include "server/service.h"
#include "support/world.h"

static const struct metrics_route routes[] = {{"-", "-"}};

#define DELAY_MS 20

struct asked {
    struct ask ask;
    bool delays; /* between the answer and its reply, where no stage is */
    double other_ms, total_ms, stages_ms;
    int n_done, rc;
    enum cache_status cache;
};

static void read_timings(struct asked *me)
{
    struct buf reply = {0};
    json_t *json;
    const json_t *timings;

    ask_reply(&me->ask, &reply);
    json = json_loadb(reply.p, reply.n, 0, NULL);
    timings = json_object_get(json, "timings");
    for (int i = 0; i < N_STAGES; i++)
        me->stages_ms += json_number_value(json_object_get(timings, stage_ms_name((enum stage)i)));
    me->other_ms = json_number_value(json_object_get(timings, "other_ms"));
    me->total_ms = json_number_value(json_object_get(timings, "total_ms"));
    json_decref(json);
    buf_done(&reply);
}

static void done(struct ask *a)
{
    struct asked *me = a->arg;

    me->n_done++;
    me->rc = a->rc;
    me->cache = a->answer.cache;
    if (me->delays) {
        usleep(DELAY_MS * 1000);
        read_timings(me);
    }
}

static void prepare(struct asked *me, struct loop *l, struct engine *e, const char *question)
{
    *me = (struct asked){.ask = {.loop = l, .done = done, .arg = me}};
    me->ask.answer.mem = arena_new(0);
    trace_start(&me->ask.answer.trace);
    query_defaults(&me->ask.query, e);
    me->ask.query.question = str_of(question);
    me->ask.since_ns = me->ask.answer.trace.start_ns;
    cr_assert_eq(query_prepare(&me->ask.query, me->ask.answer.mem), ERR_OK);
    me->ask.key = query_key(e, &me->ask.query, me->ask.answer.mem);
}

static void forget(struct asked *me)
{
    answer_done(&me->ask.answer);
    arena_free(me->ask.answer.mem);
}

Test(ask, the_same_question_at_once_runs_once_and_later_comes_from_memory)
{
    struct world w;
    struct asked a[3], later;
    struct loop l;

    WORLD_OPEN(&w);
    world_put(&w, "frogs", "Frogs eat flies.", NULL);
    struct service s = {.engine = w.engine, .metrics = metrics_new(routes, 1), .stopping = true};
    cr_assert_eq(loop_init(&l, &s, 0, -1, -1), ERR_OK);
    for (int i = 0; i < 3; i++)
        prepare(&a[i], &l, w.engine, "What do frogs eat?");
    for (int i = 0; i < 3; i++)
        ask_start(&a[i].ask);
    loop_run(&l);
    for (int i = 0; i < 3; i++) {
        cr_expect_eq(a[i].n_done, 1);
        cr_expect_eq(a[i].rc, ERR_OK);
    }
    cr_expect_eq(metrics_counter(s.metrics, COUNT_RUNS), 1);
    prepare(&later, &l, w.engine, "What do frogs eat?");
    ask_start(&later.ask);
    cr_expect_eq(later.n_done, 1, "at once: nothing is waited for");
    cr_expect_eq(later.cache, CACHE_HIT);
    forget(&later);
    for (int i = 0; i < 3; i++)
        forget(&a[i]);
    loop_done(&l);
    metrics_free(s.metrics);
    world_close(&w);
}

static void expect_the_delay_in_other(const struct asked *me)
{
    cr_expect_eq(me->n_done, 1);
    cr_expect_geq(me->other_ms, DELAY_MS);
    cr_expect_float_eq(me->stages_ms + me->other_ms, me->total_ms, 0.001);
}

Test(ask, a_delay_between_stages_is_in_other_and_in_no_stage)
{
    struct world w;
    struct asked cold, cached;
    struct loop l;

    WORLD_OPEN(&w);
    struct service s = {.engine = w.engine, .metrics = metrics_new(routes, 1), .stopping = true};
    cr_assert_eq(loop_init(&l, &s, 0, -1, -1), ERR_OK);
    world_put(&w, "frogs", "Frogs eat flies.", NULL);
    prepare(&cold, &l, w.engine, "What do frogs eat?");
    cold.delays = true;
    ask_start(&cold.ask);
    loop_run(&l);
    expect_the_delay_in_other(&cold);
    cr_expect_gt(cold.ask.answer.trace.ns[STAGE_EMBED], 0);
    prepare(&cached, &l, w.engine, "What do frogs eat?");
    cached.delays = true;
    ask_start(&cached.ask);
    expect_the_delay_in_other(&cached);
    cr_expect_eq(cached.cache, CACHE_HIT);
    cr_expect_eq(cached.ask.answer.trace.ns[STAGE_EMBED], 0);
    forget(&cold);
    forget(&cached);
    loop_done(&l);
    metrics_free(s.metrics);
    world_close(&w);
}
