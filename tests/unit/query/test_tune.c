#include "query/tune.h"

#include "support/tune_world.h"

static const volatile bool never = false;

static struct tune_options options(void)
{
    return (struct tune_options){
        .tenant = "default", .collection = "default", .seed = 1, .cancelled = &never};
}

Test(tune, what_helps_questions_never_seen_comes_back_with_its_figures)
{
    struct world w;
    struct arena *mem = arena_new(0);
    struct tune_options o = options();
    struct tune_result r;
    struct adapter *a = NULL;

    WORLD_OPEN(&w);
    tune_world_fill(&w, true);
    cr_assert_eq(tune_run(w.engine, tune_world_pairs(false, mem), TUNE_SUBJECTS, &o, &r, &a),
                 ERR_OK, "%s", err_text());
    cr_expect_eq(r.n_questions, TUNE_SUBJECTS);
    cr_expect_eq(r.n_documents, TUNE_SUBJECTS);
    cr_expect_eq(r.n_unknown, 0);
    cr_expect(r.helps, "gain %g, error %g", r.gain, r.error);
    cr_expect_gt(r.vector.mrr_after, r.vector.mrr_before + 0.05f);
    cr_assert_not_null(a);
    cr_expect_eq(adapter_origin(a)->n_questions, TUNE_SUBJECTS);
    cr_expect_eq(adapter_origin(a)->vector.mrr_after, r.vector.mrr_after);
    adapter_unref(a);
    arena_free(mem);
    world_close(&w);
}

Test(tune, pairs_at_random_give_no_adapter)
{
    struct world w;
    struct arena *mem = arena_new(0);
    struct tune_options o = options();
    struct tune_result r;
    struct adapter *a = NULL;

    WORLD_OPEN(&w);
    tune_world_fill(&w, false);
    cr_assert_eq(tune_run(w.engine, tune_world_pairs(true, mem), TUNE_SUBJECTS, &o, &r, &a), ERR_OK,
                 "%s", err_text());
    cr_expect_not(r.helps, "gain %g, error %g", r.gain, r.error);
    cr_expect_null(a);
    adapter_unref(a);
    arena_free(mem);
    world_close(&w);
}

Test(tune, where_the_model_is_right_there_is_nothing_to_keep)
{
    struct world w;
    struct arena *mem = arena_new(0);
    struct tune_options o = options();
    struct tune_result r;
    struct adapter *a = NULL;

    WORLD_OPEN(&w);
    tune_world_fill(&w, false);
    cr_assert_eq(tune_run(w.engine, tune_world_pairs(false, mem), TUNE_SUBJECTS, &o, &r, &a),
                 ERR_OK, "%s", err_text());
    cr_expect_gt(r.vector.mrr_before, 0.999f);
    cr_expect_not(r.helps);
    cr_expect_null(a);
    adapter_unref(a);
    arena_free(mem);
    world_close(&w);
}

struct listener {
    size_t told;
    volatile bool *cancelled;
};

static void stop_at_once(void *arg, size_t done, size_t total, const char *what)
{
    struct listener *l = arg;

    cr_expect_leq(done, total);
    cr_expect_str_eq(what, "embedding");
    l->told++;
    *l->cancelled = true;
}

Test(tune, tells_how_far_it_is_and_stops_when_told)
{
    struct world w;
    struct arena *mem = arena_new(0);
    volatile bool cancelled = false;
    struct listener l = {.cancelled = &cancelled};
    struct tune_options o = options();
    struct tune_result r;
    struct adapter *a = NULL;

    WORLD_OPEN(&w);
    tune_world_fill(&w, true);
    o.cancelled = &cancelled;
    o.progress = stop_at_once;
    o.arg = &l;
    cr_expect_eq(tune_run(w.engine, tune_world_pairs(false, mem), TUNE_SUBJECTS, &o, &r, &a),
                 ERR_CANCELLED);
    cr_expect_geq(l.told, 1);
    cr_expect_null(a);
    adapter_unref(a);
    arena_free(mem);
    world_close(&w);
}

Test(tune, names_what_is_not_there)
{
    struct world w;
    struct arena *mem = arena_new(0);
    struct tune_options o = options();
    struct tune_result r;
    struct adapter *a = NULL;

    WORLD_OPEN(&w);
    world_put(&w, "a", "A bank holds capital.", NULL);
    cr_expect_eq(tune_run(w.engine, tune_world_pairs(false, mem), TUNE_SUBJECTS, &o, &r, &a),
                 ERR_ARGUMENT);
    cr_expect(strstr(err_text(), "120 pairs were left out"), "%s", err_text());
    o.collection = "nowhere";
    cr_expect_eq(tune_run(w.engine, tune_world_pairs(false, mem), 1, &o, &r, &a), ERR_NOT_FOUND);
    cr_expect_null(a);
    adapter_unref(a);
    arena_free(mem);
    world_close(&w);
}
