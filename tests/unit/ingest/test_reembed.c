#include "ingest/reembed.h"

#include "support/two_models.h"

static const char question[] = "abc bcd";

static int model_that_answers_to(struct two_models *t, const char *request)
{
    struct world_reply reply;
    int model;

    world_ask(&t->w, request, &reply);
    cr_expect_eq(reply.ans.degraded, 0);
    model = reply.ans.cache == CACHE_HIT ? -1 : model_of_first_hit(t, &reply.ans, question);
    world_forget(&reply);
    return model;
}

static int model_that_answers(struct two_models *t)
{
    return model_that_answers_to(t, "{\"question\":\"abc bcd\",\"mode\":\"vector\",\"k\":1}");
}

Test(reembed, answers_are_of_the_new_model_and_old_vectors_are_gone)
{
    struct two_models t;
    struct reembed_report r;

    two_models_open(&t);
    two_models_put(&t, 0, 30);
    cr_expect_eq(model_that_answers(&t), 1);
    cr_assert_eq(change_to(&t, &t.two, &r), ERR_OK, "%s", err_text());
    cr_expect(r.switched);
    cr_expect_eq(r.n_embedded, 30);
    cr_expect_eq(r.n_dropped, 30);
    cr_expect_eq(model_that_answers(&t), 2, "no cached answer of the old one either");
    cr_expect_eq(count_vectors(&t, &t.one), 0);
    cr_expect_eq(count_vectors(&t, &t.two), 30);
    two_models_close(&t);
}

Test(reembed, there_and_back_again_meets_no_answer_of_the_first_time)
{
    struct two_models t;
    struct reembed_report r;

    two_models_open(&t);
    two_models_put(&t, 0, 5);
    cr_expect_eq(model_that_answers(&t), 1);
    cr_assert_eq(change_to(&t, &t.two, &r), ERR_OK, "%s", err_text());
    cr_expect_eq(model_that_answers(&t), 2);
    cr_assert_eq(change_to(&t, &t.one, &r), ERR_OK, "%s", err_text());
    cr_expect_eq(model_that_answers(&t), 1);
    two_models_put(&t, 5, 8);
    cr_expect_eq(count_vectors(&t, &t.one), 8);
    two_models_close(&t);
}

Test(reembed, the_model_that_is_there_already_costs_a_look)
{
    struct two_models t;
    struct reembed_report r;

    two_models_open(&t);
    two_models_put(&t, 0, 3);
    cr_assert_eq(change_to(&t, &t.one, &r), ERR_OK, "%s", err_text());
    cr_expect(!r.switched);
    cr_expect_eq(r.n_embedded, 0);
    cr_expect_eq(r.n_dropped, 0);
    two_models_close(&t);
}

struct stopper {
    atomic_bool cancel;
    size_t after;
};

static void stop(void *arg, size_t n_done, size_t n_total)
{
    struct stopper *s = arg;

    cr_expect_leq(n_done, n_total);
    if (n_done >= s->after)
        atomic_store(&s->cancel, true);
}

Test(reembed, one_that_was_stopped_is_taken_up_where_it_was)
{
    struct two_models t;
    struct reembed_report r;
    struct stopper s = {.after = 1};
    struct reembed_options o = {.progress = stop, .arg = &s, .cancel = &s.cancel};
    struct embedder *next;

    two_models_open(&t);
    two_models_put(&t, 0, 150);
    next = open_tiny(&t.two);
    cr_expect_eq(reembed(t.w.engine, next, &o, &r), ERR_CANCELLED);
    cr_expect_eq(model_that_answers(&t), 1, "the old model stands");
    cr_expect_gt(count_vectors(&t, &t.two), 0);
    embedder_close(next);
    cr_assert_eq(change_to(&t, &t.two, &r), ERR_OK, "%s", err_text());
    cr_expect_lt(r.n_embedded, 150);
    cr_expect_eq(count_vectors(&t, &t.two), 150);
    two_models_close(&t);
}

Test(reembed, a_model_that_makes_nonsense_is_refused_and_the_old_one_stands)
{
    struct two_models t;
    struct reembed_report r;
    float *bias;

    two_models_open(&t);
    two_models_put(&t, 0, 3);
    bias = tiny_find(&t.two, "encoder.layer.1.output.LayerNorm.bias")->v;
    bias[0] = NAN;
    tiny_write_weights(&t.two, "F32");
    cr_expect_eq(change_to(&t, &t.two, &r), ERR_FORMAT);
    bias[0] = 0;
    tiny_write_weights(&t.two, "F32");
    cr_expect_eq(model_that_answers(&t), 1);
    two_models_close(&t);
}

Test(reembed, only_one_at_a_time)
{
    struct two_models t;
    struct reembed_report r;

    two_models_open(&t);
    atomic_store(&t.w.engine->reembedding, true);
    cr_expect_eq(change_to(&t, &t.two, &r), ERR_BUSY);
    atomic_store(&t.w.engine->reembedding, false);
    two_models_close(&t);
}

Test(reembed, a_folder_that_nobody_serves_is_changed_without_its_old_model)
{
    struct two_models t;
    struct reembed_report r;
    struct reembed_options o = {0};
    struct store *store = NULL;
    struct embedder *next;
    char path[128], away[140];

    two_models_open(&t);
    two_models_put(&t, 0, 10);
    engine_close(t.w.engine);
    t.w.engine = NULL;
    snprintf(path, sizeof path, "%s/model.safetensors", t.one.dir);
    snprintf(away, sizeof away, "%s.away", path);
    cr_assert_eq(rename(path, away), 0);
    next = open_tiny(&t.two);
    cr_assert_eq(store_open(&store, t.w.config.data), ERR_OK, "%s", err_text());
    cr_assert_eq(reembed_folder(store, NULL, next, &o, &r), ERR_OK, "%s", err_text());
    cr_expect_eq(r.n_embedded, 10);
    cr_expect_eq(r.n_dropped, 10);
    store_close(store);
    embedder_close(next);
    cr_assert_eq(rename(away, path), 0);
    cr_assert_eq(config_set(&t.w.config, "model.path", t.two.dir, "test"), ERR_OK);
    world_reopen(&t.w);
    cr_expect_eq(model_that_answers(&t), 2);
    two_models_close(&t);
}

Test(reembed, summaries_change_over_with_the_chunks)
{
    static const char among_summaries[] = "{\"question\":\"abc bcd\",\"mode\":\"vector\",\"k\":1,"
                                          "\"filter\":{\"_kind\":\"summary\"}}";
    struct two_models t;
    struct reembed_report r;
    char *text = long_text();

    two_models_open(&t);
    world_put(&t.w, "long", text, NULL);
    cr_expect_eq(model_that_answers_to(&t, among_summaries), 1);
    cr_assert_eq(change_to(&t, &t.two, &r), ERR_OK, "%s", err_text());
    cr_expect_eq(count_missing(&t, &t.two), 0);
    cr_expect_eq(model_that_answers_to(&t, among_summaries), 2);
    cr_expect_eq(model_that_answers(&t), 2);
    cr_assert_eq(config_set(&t.w.config, "model.path", t.two.dir, "test"), ERR_OK);
    world_reopen(&t.w);
    cr_expect_eq(model_that_answers_to(&t, among_summaries), 2, "as loaded");
    mem_free(text);
    two_models_close(&t);
}
