#include "server/ask.h"

#include "server/metrics.h"
#include "server/service.h"
#include "support/world.h"

static const struct metrics_route routes[] = {{"-", "-"}};

struct asked {
    struct ask ask;
    int n_done, rc;
    enum cache_status cache;
};

static void done(struct ask *a)
{
    struct asked *me = a->arg;

    me->n_done++;
    me->rc = a->rc;
    me->cache = a->answer.cache;
}

static void prepare(struct asked *me, struct loop *l, struct engine *e, const char *question)
{
    *me = (struct asked){.ask = {.loop = l, .done = done, .arg = me}};
    me->ask.answer.mem = arena_new(0);
    trace_start(&me->ask.answer.trace);
    query_defaults(&me->ask.query, e);
    me->ask.query.question = str_of(question);
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
