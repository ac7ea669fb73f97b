#include "query/precompute.h"

#include <string.h>

#include "support/chat_world.h"

#define DAY_MS INT64_C(86400000)

struct told {
    int n_done;
    char failed[512];
    bool stop;
    struct chat_world *asked; /* stops when its model is asked; NULL: none */
};

static void on_progress(void *arg, size_t n_done, size_t n_total)
{
    struct told *t = arg;

    (void)n_total;
    t->n_done = (int)n_done;
}

static void on_failed(void *arg, const struct precompute_question *q, const char *reason)
{
    struct told *t = arg;
    size_t n = strlen(t->failed);

    snprintf(t->failed + n, sizeof t->failed - n, "%s: %s\n", q->where, reason);
}

static bool stops(void *arg)
{
    const struct told *t = arg;

    return t->stop || (t->asked && atomic_load(&t->asked->model.http.n_requests) > 0);
}

/* Questions separated by '|'. */
static int run(struct world *w, const char *questions, int64_t ttl_ms, struct told *t,
               struct precompute_report *r)
{
    struct precompute_list l;
    struct precompute_options o = {.ttl_ms = ttl_ms,
                                   .cancelled = stops,
                                   .progress = on_progress,
                                   .failed = on_failed,
                                   .arg = t};
    char *text = strdup(questions), *rest = text, *q, path[96];
    FILE *file;
    int rc;

    snprintf(path, sizeof path, "%s/q", w->dir);
    file = fopen(path, "w");
    while ((q = strsep(&rest, "|")))
        fprintf(file, "%s\n", q);
    fclose(file);
    free(text);
    precompute_list_init(&l);
    cr_assert_eq(precompute_list_read(&l, path, "default", NULL), ERR_OK, "%s", err_text());
    rc = precompute_run(w->engine, &l, &o, r);
    precompute_list_done(&l);
    return rc;
}

static char *status_of(struct world *w, const char *request)
{
    struct world_reply r;
    char *status;

    world_ask(w, request, &r);
    status = strdup(json_string_value(json_object_get(json_object_get(r.json, "cache"), "status")));
    world_forget(&r);
    return status;
}

#define expect_status(w, request, want)                                                            \
    do {                                                                                           \
        char *status_ = status_of((w), (request));                                                 \
        cr_expect_str_eq(status_, (want), "%s: %s", (request), status_);                           \
        free(status_);                                                                             \
    } while (0)

#define FROGS "{\"question\":\"What do frogs eat?\"}"

Test(precompute, answers_are_there_before_anybody_asks_and_after_a_restart)
{
    struct world w;
    struct told t = {0};
    struct precompute_report r;

    WORLD_OPEN(&w);
    world_put(&w, "frogs", "Frogs eat flies. Toads eat slugs. Storks eat frogs.", NULL);
    cr_assert_eq(
        run(&w, "What do frogs eat?|What do toads eat?|What do storks eat?", DAY_MS, &t, &r),
        ERR_OK, "%s", err_text());
    cr_expect_eq(r.n_made, 3);
    cr_expect_eq(t.n_done, 3);
    cr_expect_eq(r.tokens_in, 0);
    expect_status(&w, FROGS, "precomputed");
    world_reopen(&w);
    expect_status(&w, FROGS, "precomputed");
    expect_status(&w, "{\"question\":\"What do  toads eat?\"}", "precomputed");
    world_close(&w);
}

Test(precompute, what_is_no_question_anybody_asked_counts_as_none)
{
    struct world w;
    struct told t = {0};
    struct precompute_report r;
    struct answers_stats s;
    struct arena *mem = arena_new(0);
    struct asked_question *v;

    WORLD_OPEN(&w);
    world_put(&w, "frogs", "Frogs eat flies.", NULL);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(run(&w, "What do frogs eat?", DAY_MS, &t, &r), ERR_OK);
    answers_stats_get(w.engine->answers, &s);
    for (int i = 0; i < N_ANSWERS_OUTCOMES; i++)
        cr_expect_eq(s.outcomes[i], 0, "%s", answers_outcome_name((enum answers_outcome)i));
    cr_expect_eq(asked_popular(w.engine->asked, NULL, NULL, 1, 9, mem, &v), 0);
    arena_free(mem);
    world_close(&w);
}

Test(precompute, an_answer_with_half_of_its_life_left_is_not_paid_for_again)
{
    struct chat_world c;
    struct told t = {0};
    struct precompute_report r;

    CHAT_WORLD_OPEN(&c, 1);
    c.model.text = "Frogs eat flies [1].";
    world_put(&c.w, "frogs", "Frogs eat flies.", NULL);
    cr_assert_eq(run(&c.w, "What do frogs eat?", DAY_MS, &t, &r), ERR_OK);
    cr_expect_eq(r.n_made, 1);
    cr_expect_gt(r.tokens_in, 0);
    cr_assert_eq(run(&c.w, "What do frogs eat?", DAY_MS, &t, &r), ERR_OK);
    cr_expect_eq(r.n_kept, 1);
    cr_expect_eq(r.n_made, 0);
    cr_expect_eq(r.tokens_in, 0);
    cr_assert_eq(run(&c.w, "What do frogs eat?", 3 * DAY_MS, &t, &r), ERR_OK);
    cr_expect_eq(r.n_made, 1, "of three days there is less than half");
    cr_assert_eq(run(&c.w, "What do frogs eat?", 3 * DAY_MS, &t, &r), ERR_OK);
    cr_expect_eq(r.n_kept, 1);
    world_reopen(&c.w);
    cr_assert_eq(run(&c.w, "What do frogs eat?", DAY_MS, &t, &r), ERR_OK);
    cr_expect_eq(r.n_kept, 1, "the store's");
    cr_expect_eq(atomic_load(&c.model.http.n_requests), 2);
    chat_world_close(&c);
}

Test(precompute, an_answer_somebody_asked_for_is_made_anew_to_live_longer)
{
    struct world w;
    struct told t = {0};
    struct precompute_report r;

    WORLD_OPEN(&w);
    world_put(&w, "frogs", "Frogs eat flies.", NULL);
    expect_status(&w, FROGS, "miss");
    expect_status(&w, FROGS, "hit");
    cr_assert_eq(run(&w, "What do frogs eat?", DAY_MS, &t, &r), ERR_OK);
    cr_expect_eq(r.n_made, 1);
    expect_status(&w, FROGS, "precomputed");
    world_close(&w);
}

Test(precompute, is_never_stale)
{
    struct world w;
    struct told t = {0};
    struct precompute_report r;
    struct world_reply reply;

    WORLD_OPEN(&w);
    world_put(&w, "frogs", "Frogs eat flies.", NULL);
    world_put(&w, "toads", "Toads eat slugs at night.", NULL);
    cr_assert_eq(run(&w, "What do frogs eat?|What do toads eat?", DAY_MS, &t, &r), ERR_OK);
    world_put(&w, "frogs", "Frogs eat pasta.", NULL);
    world_ask(&w, FROGS, &reply);
    cr_expect_str_eq(
        json_string_value(json_object_get(json_object_get(reply.json, "cache"), "status")), "miss");
    cr_expect(strstr(json_string_value(json_object_get(reply.json, "answer")), "pasta"));
    world_forget(&reply);
    world_remove(&w, "toads");
    world_reopen(&w);
    world_ask(&w, "{\"question\":\"What do toads eat?\"}", &reply);
    cr_expect_str_neq(
        json_string_value(json_object_get(json_object_get(reply.json, "cache"), "status")),
        "precomputed");
    cr_expect_null(strstr(json_string_value(json_object_get(reply.json, "answer")), "slugs"));
    world_forget(&reply);
    world_close(&w);
}

Test(precompute, what_a_model_did_not_answer_failed_and_is_not_kept)
{
    struct chat_world c;
    struct told t = {0};
    struct precompute_report r;

    CHAT_WORLD_OPEN(&c, 1);
    c.model.status = 400;
    c.model.fault = CHAT_FAKE_STATUS;
    world_put(&c.w, "frogs", "Frogs eat flies.", NULL);
    cr_assert_eq(run(&c.w, "What do frogs eat?|\xff", DAY_MS, &t, &r), ERR_OK);
    cr_expect_eq(r.n_failed, 2);
    cr_expect_eq(r.n_made + r.n_kept, 0);
    cr_expect(strstr(t.failed, "q:1: the language model did not answer: "), "%s", t.failed);
    cr_expect(strstr(t.failed, "q:2: "), "%s", t.failed);
    c.model.fault = CHAT_FAKE_FINE;
    c.model.text = "Flies [1].";
    expect_status(&c.w, "{\"question\":\"What do frogs eat?\",\"answer\":\"extractive\"}", "miss");
    cr_assert_eq(run(&c.w, "What do frogs eat?", DAY_MS, &t, &r), ERR_OK);
    cr_expect_eq(r.n_made, 1);
    chat_world_close(&c);
}

Test(precompute, asks_a_model_at_most_four_questions_at_once)
{
    struct chat_world c;
    struct told t = {0};
    struct precompute_report r;
    uint64_t since;

    CHAT_WORLD_OPEN(&c, 1);
    c.model.text = "Flies [1].";
    c.model.first_token_ms = 100;
    world_put(&c.w, "frogs", "Frogs eat flies.", NULL);
    since = clock_ns();
    cr_assert_eq(
        run(&c.w, "a frog|b frog|c frog|d frog|e frog|f frog|g frog|h frog", DAY_MS, &t, &r),
        ERR_OK);
    cr_expect_eq(r.n_made, 8);
    cr_expect_geq(clock_ms_since(since), 200, "two rounds");
    chat_world_close(&c);
}

Test(precompute, one_that_is_stopped_leaves_what_is_done)
{
    struct world w;
    struct told t = {.stop = true};
    struct precompute_report r;

    WORLD_OPEN(&w);
    world_put(&w, "frogs", "Frogs eat flies.", NULL);
    cr_expect_eq(run(&w, "What do frogs eat?|Who eats flies?", DAY_MS, &t, &r), ERR_CANCELLED);
    cr_expect(strstr(err_text(), "0 of 2"), "%s", err_text());
    cr_expect_eq(r.n_made + r.n_kept + r.n_failed, 0);
    world_close(&w);
}

Test(precompute, one_that_is_stopped_waits_for_no_model)
{
    struct chat_world c;
    struct told t = {.asked = &c};
    struct precompute_report r;

    CHAT_WORLD_OPEN(&c, 1);
    c.model.fault = CHAT_FAKE_SILENT;
    world_put(&c.w, "frogs", "Frogs eat flies.", NULL);
    cr_expect_eq(run(&c.w, "What do frogs eat?", DAY_MS, &t, &r), ERR_CANCELLED);
    cr_expect_eq(r.n_made + r.n_kept + r.n_failed, 0, "%s", t.failed);
    chat_world_close(&c);
}
