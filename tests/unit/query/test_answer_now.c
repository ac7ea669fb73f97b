#include <semaphore.h>

#include "base/buf.h"
#include "support/chat_world.h"

#define SAYS "Frogs eat flies [1]."

static void collect(void *arg, struct str text)
{
    buf_add_view(arg, text);
}

static int ask_now(struct chat_world *c, const char *request, struct answer *ans, struct buf *text)
{
    struct query q;
    json_t *tree = json_loads(request, 0, NULL);
    int rc;

    *ans = (struct answer){.mem = arena_new(0)};
    trace_start(&ans->trace);
    query_defaults(&q, c->w.engine);
    cr_assert_eq(query_from_json(&q, tree, false, ans->mem), ERR_OK, "%s", err_text());
    rc = query_answer_now(c->w.engine, &q, ans, text ? collect : NULL, text);
    json_decref(tree);
    return rc;
}

static void forget(struct answer *ans)
{
    answer_done(ans);
    arena_free(ans->mem);
}

Test(answer_now, waits_for_the_model_and_tells_its_tokens)
{
    struct chat_world c;
    struct answer ans;
    struct buf text = {0};

    CHAT_WORLD_OPEN(&c, 1);
    c.model.text = SAYS;
    world_put(&c.w, "frogs", "Frogs eat flies.", NULL);
    cr_assert_eq(ask_now(&c, "{\"question\":\"What do frogs eat?\"}", &ans, &text), ERR_OK, "%s",
                 err_text());
    cr_expect(str_eq(buf_view(&text), STR_LIT(SAYS)), "%.*s", STR_ARGS(buf_view(&text)));
    cr_expect(str_eq(ans.generated.text, STR_LIT(SAYS)));
    cr_expect_str_eq(ans.generated.model, "fast");
    cr_expect_eq(ans.cache, CACHE_MISS);
    cr_expect_null(ans.unfinished);
    cr_expect_eq(ans.generated.n_claims, 1);
    cr_expect(claim_is_supported(ans.generated.claims[0].verdict));
    forget(&ans);
    cr_assert_eq(ask_now(&c, "{\"question\":\"What do frogs eat?\"}", &ans, NULL), ERR_OK);
    cr_expect_eq(ans.cache, CACHE_HIT);
    forget(&ans);
    buf_done(&text);
    chat_world_close(&c);
}

Test(answer_now, another_model_answers_when_one_breaks_off_and_nobody_has_heard_it)
{
    struct chat_world c;
    struct answer ans;
    struct buf text = {0};

    CHAT_WORLD_OPEN(&c, 2);
    c.model.text = SAYS;
    c.model.cut_after = 2;
    world_put(&c.w, "frogs", "Frogs eat flies.", NULL);
    fake_chat_fail(&c.model, CHAT_FAKE_CUT, 1);
    cr_assert_eq(ask_now(&c, "{\"question\":\"What do frogs eat?\"}", &ans, NULL), ERR_OK, "%s",
                 err_text());
    cr_expect(str_eq(ans.generated.text, STR_LIT(SAYS)));
    cr_expect_eq(ans.degraded, DEGRADED_MODEL);
    forget(&ans);
    fake_chat_fail(&c.model, CHAT_FAKE_CUT, 1);
    cr_assert_eq(
        ask_now(&c, "{\"question\":\"What do frogs eat?\",\"cache\":\"refresh\"}", &ans, &text),
        ERR_OK, "%s", err_text());
    cr_expect(ans.degraded & DEGRADED_QUOTED, "a listener has heard the beginning");
    forget(&ans);
    buf_done(&text);
    chat_world_close(&c);
}

Test(answer_now, quotes_when_no_model_can_be_reached_and_keeps_no_such_answer)
{
    struct chat_world c;
    struct answer ans;

    CHAT_WORLD_OPEN(&c, 1);
    c.model.status = 500;
    c.model.fault = CHAT_FAKE_STATUS;
    world_put(&c.w, "frogs", "Frogs eat flies and other insects.", NULL);
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(ask_now(&c, "{\"question\":\"What do frogs eat?\"}", &ans, NULL), ERR_OK);
        cr_expect_eq(ans.degraded, DEGRADED_QUOTED);
        cr_expect_eq(ans.cache, CACHE_MISS);
        cr_expect(ans.extract.answered);
        forget(&ans);
    }
    chat_world_close(&c);
}

Test(answer_now, who_insists_on_a_model_learns_what_it_said)
{
    struct chat_world c;
    struct answer ans;

    CHAT_WORLD_OPEN(&c, 1);
    c.model.status = 500;
    c.model.fault = CHAT_FAKE_STATUS;
    world_put(&c.w, "frogs", "Frogs eat flies.", NULL);
    cr_expect_lt(
        ask_now(&c, "{\"question\":\"What do frogs eat?\",\"answer\":\"chat\"}", &ans, NULL), 0);
    cr_expect_eq(ans.upstream_status, 500);
    cr_expect_null(ans.shared);
    forget(&ans);
    chat_world_close(&c);
}

/* Documents that no answer shows make the question's words more common. */
Test(answer_now, an_answer_stands_while_its_context_does_however_rare_its_words_are)
{
    struct chat_world c;
    struct answer ans;
    char key[16], text[64];

    CHAT_WORLD_OPEN(&c, 1);
    world_put(&c.w, "frogs", "Frogs eat flies and other insects near ponds.", NULL);
    cr_assert_eq(ask_now(&c, "{\"question\":\"What do frogs eat?\",\"k\":1}", &ans, NULL), ERR_OK);
    cr_expect_eq(ans.cache, CACHE_MISS);
    forget(&ans);
    for (int i = 0; i < 40; i++) {
        snprintf(key, sizeof key, "b%d", i);
        snprintf(text, sizeof text, "Bankers number %d eat lunch, and what they lend.", i);
        world_put(&c.w, key, text, NULL);
    }
    cr_assert_eq(ask_now(&c, "{\"question\":\"What do frogs eat?\",\"k\":1}", &ans, NULL), ERR_OK);
    cr_expect_eq(ans.cache, CACHE_REVALIDATED);
    cr_expect_eq(ans.passages[0].document.n, 5, "frogs");
    forget(&ans);
    chat_world_close(&c);
}

static bool left;

static void leave(void *arg, struct str text)
{
    (void)text;
    ++*(int *)arg;
    left = true;
}

static bool has_left(void *arg)
{
    (void)arg;
    return left;
}

Test(answer_now, whoever_leaves_lets_go_of_the_model_and_nothing_is_kept)
{
    struct chat_world c;
    struct answer ans = {.mem = arena_new(0)};
    int n_tokens = 0;
    struct answer_listener listener = {.token = leave, .arg = &n_tokens, .cancelled = has_left};
    struct query q;

    CHAT_WORLD_OPEN(&c, 1);
    c.model.text = "a b c d e f g h i j k l m n o p q r s t u v w x y z";
    c.model.tokens_per_s = 5;
    world_put(&c.w, "frogs", "Frogs eat flies.", NULL);
    trace_start(&ans.trace);
    query_defaults(&q, c.w.engine);
    q.question = STR_LIT("What do frogs eat?");
    cr_expect_eq(query_answer_for(c.w.engine, &q, &ans, &listener), ERR_CANCELLED);
    cr_expect_lt(n_tokens, 26, "the rest is not waited for");
    cr_expect_null(ans.shared);
    q.cache = QUERY_CACHE_ONLY;
    cr_expect_eq(query_run(c.w.engine, &q, &ans), ERR_TIMEOUT, "a part of an answer is none");
    forget(&ans);
    chat_world_close(&c);
}

struct behind {
    struct engine *e;
    struct answer ans;
    sem_t go;
    bool others_first;
    int rc;
};

static void hold(void *arg, int i_worker)
{
    struct behind *b = arg;

    (void)i_worker;
    while (sem_wait(&b->go) != 0)
        ;
}

static void look(void *arg, int i_worker)
{
    struct behind *b = arg;

    (void)i_worker;
    b->others_first = !b->ans.shared;
}

static void *ask_behind(void *arg)
{
    struct behind *b = arg;
    struct query q;

    trace_start(&b->ans.trace);
    query_defaults(&q, b->e);
    q.question = STR_LIT("What do frogs eat?");
    b->rc = query_answer_behind(b->e, &q, &b->ans, &(struct answer_listener){0});
    return NULL;
}

Test(answer_now, what_nobody_waits_for_is_answered_behind_those_who_ask)
{
    struct world w;
    struct behind b = {.ans.mem = arena_new(0)};
    pthread_t thread;

    WORLD_OPEN(&w);
    w.config.server.workers = 1;
    world_reopen(&w);
    world_put(&w, "frogs", "Frogs eat flies.", NULL);
    b.e = w.engine;
    cr_assert_eq(sem_init(&b.go, 0, 0), 0);
    cr_assert_eq(pool_submit(w.engine->pool, QUEUE_URGENT, hold, &b), ERR_OK);
    while (pool_depth(w.engine->pool) > 0)
        sched_yield();
    cr_assert_eq(pthread_create(&thread, NULL, ask_behind, &b), 0);
    while (pool_depth(w.engine->pool) == 0)
        sched_yield();
    while (pool_submit(w.engine->pool, QUEUE_URGENT, look, &b) != ERR_OK)
        sched_yield();
    sem_post(&b.go);
    pthread_join(thread, NULL);
    cr_expect_eq(b.rc, ERR_OK);
    cr_expect_not_null(b.ans.shared);
    cr_expect(b.others_first);
    forget(&b.ans);
    world_close(&w);
}

Test(answer_now, a_full_lane_is_waited_for)
{
    struct world w;
    struct behind b = {.ans.mem = arena_new(0)};
    pthread_t thread;

    WORLD_OPEN(&w);
    w.config.server.workers = 1;
    w.config.server.queue = 1;
    world_reopen(&w);
    world_put(&w, "frogs", "Frogs eat flies.", NULL);
    b.e = w.engine;
    cr_assert_eq(sem_init(&b.go, 0, 0), 0);
    cr_assert_eq(pool_submit(w.engine->pool, QUEUE_URGENT, hold, &b), ERR_OK);
    while (pool_depth(w.engine->pool) > 0)
        sched_yield();
    cr_assert_eq(pool_submit(w.engine->pool, QUEUE_BULK, look, &b), ERR_OK);
    cr_assert_eq(pthread_create(&thread, NULL, ask_behind, &b), 0);
    nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    sem_post(&b.go);
    pthread_join(thread, NULL);
    cr_expect_eq(b.rc, ERR_OK);
    cr_expect_not_null(b.ans.shared);
    forget(&b.ans);
    world_close(&w);
}
