#include "engine/adapters.h"

#include "base/file.h"
#include "support/two_models.h"

/* The identity, but for one number, for this world's model and collection. */
static struct adapter *made(struct world *w, float corner, int64_t collection)
{
    size_t dim = embedder_info(w->engine->embedder)->dim;
    float *weights = mem_calloc(dim * dim, sizeof *weights);
    struct adapter_origin origin = {.model = embedder_fingerprint(w->engine->embedder),
                                    .collection = collection};
    struct adapter *a;

    for (size_t i = 0; i < dim; i++)
        weights[i * dim + i] = 1;
    weights[0] = corner;
    a = adapter_new(&origin, weights, dim);
    mem_free(weights);
    return a;
}

static int64_t collection_of(struct world *w)
{
    struct arena *mem = arena_new(0);
    struct store_reader *reader = store_reader_get(w->engine->store);
    struct collection_row row = {0};

    cr_assert_eq(store_find_collection(reader, "default", "default", mem, &row), ERR_OK);
    store_reader_put(w->engine->store, reader);
    arena_free(mem);
    return row.id;
}

static bool has_one(struct world *w)
{
    struct adapter *a =
        adapters_get(w->engine->adapters, "default", "default", w->engine->embedder);

    adapter_unref(a);
    return a != NULL;
}

static void put(struct world *w, float corner)
{
    struct adapter *a = made(w, corner, collection_of(w));
    uint64_t before = adapters_changes(w->engine->adapters);

    cr_assert_eq(adapters_put(w->engine->adapters, "default", "default", a), ERR_OK, "%s",
                 err_text());
    if (adapters_are_auto(w->engine->adapters))
        cr_expect_gt(adapters_changes(w->engine->adapters), before);
    adapter_unref(a);
}

static void use(struct world *w, const char *setting)
{
    snprintf(w->config.model.adapter, sizeof w->config.model.adapter, "%s", setting);
    world_reopen(w);
}

Test(adapters, what_was_put_is_in_force_now_and_after_a_restart)
{
    struct world w;

    WORLD_OPEN(&w);
    world_put(&w, "a", "A bank holds capital.", NULL);
    cr_expect_not(has_one(&w));
    put(&w, 2);
    cr_expect(has_one(&w));
    world_reopen(&w);
    cr_expect(has_one(&w));
    cr_expect_null(adapters_get(w.engine->adapters, "default", "other", w.engine->embedder),
                   "its collection's alone");
    use(&w, "off");
    cr_expect_not(has_one(&w));
    world_close(&w);
}

Test(adapters, what_was_removed_is_gone_for_good)
{
    struct world w;
    bool was_there = false;

    WORLD_OPEN(&w);
    world_put(&w, "a", "A bank holds capital.", NULL);
    put(&w, 2);
    cr_expect_eq(adapters_remove(w.engine->adapters, "default", "default", &was_there), ERR_OK);
    cr_expect(was_there);
    cr_expect_not(has_one(&w));
    cr_expect_eq(adapters_remove(w.engine->adapters, "default", "default", &was_there), ERR_OK);
    cr_expect_not(was_there);
    world_reopen(&w);
    cr_expect_not(has_one(&w));
    world_close(&w);
}

Test(adapters, a_file_that_does_not_fit_is_none)
{
    struct world w;
    struct adapter *a;
    char *path;

    WORLD_OPEN(&w);
    world_put(&w, "a", "A bank holds capital.", NULL);
    a = made(&w, 2, collection_of(&w) + 1);
    cr_assert_eq(adapters_put(w.engine->adapters, "default", "default", a), ERR_OK);
    adapter_unref(a);
    world_reopen(&w);
    cr_expect_not(has_one(&w), "another collection's");
    path = adapter_path(w.config.data, "default", "default");
    cr_assert_eq(file_write_atomic(path, "ragdadap", 8), ERR_OK);
    world_reopen(&w);
    cr_expect_not(has_one(&w), "damaged");
    mem_free(path);
    world_close(&w);
}

Test(adapters, a_path_serves_all_collections_or_nothing_opens)
{
    struct world w;
    struct adapter *a;
    struct buf bytes;
    char path[128];

    WORLD_OPEN(&w);
    snprintf(path, sizeof path, "%s/kept.bin", w.dir);
    a = made(&w, 2, 99);
    buf_init(&bytes);
    adapter_write(a, &bytes);
    cr_assert_eq(file_write_atomic(path, bytes.p, bytes.n), ERR_OK);
    use(&w, path);
    cr_expect(has_one(&w));
    cr_expect_not(adapters_are_auto(w.engine->adapters));
    engine_close(w.engine);
    w.engine = NULL;
    cr_assert_eq(file_write_atomic(path, bytes.p, bytes.n - 1), ERR_OK);
    cr_expect_eq(engine_open(&w.engine, &w.config), ERR_FORMAT);
    cr_expect(strstr(err_text(), "kept.bin"), "%s", err_text());
    cr_expect_null(w.engine);
    adapter_unref(a);
    buf_done(&bytes);
    world_close(&w);
}

Test(adapters, that_of_another_model_is_refused)
{
    struct world w;
    struct adapter_origin origin = {.model.b = {1}};
    float weights[4] = {1, 0, 0, 1};
    struct adapter *a = adapter_new(&origin, weights, 2), *b = NULL;
    struct buf bytes;
    char path[128];

    WORLD_OPEN(&w);
    snprintf(path, sizeof path, "%s/other.bin", w.dir);
    buf_init(&bytes);
    adapter_write(a, &bytes);
    cr_assert_eq(file_write_atomic(path, bytes.p, bytes.n), ERR_OK);
    cr_expect_eq(adapter_open_file(&b, path, w.engine->embedder), ERR_FORMAT);
    cr_expect(strstr(err_text(), "another model"), "%s", err_text());
    cr_expect_null(b);
    adapter_unref(a);
    buf_done(&bytes);
    world_close(&w);
}

Test(adapters, one_is_for_questions_of_its_own_model_alone)
{
    struct two_models t;
    struct reembed_report r;

    two_models_open(&t);
    two_models_put(&t, 0, 3);
    put(&t.w, 2);
    cr_expect(has_one(&t.w));
    cr_assert_eq(change_to(&t, &t.two, &r), ERR_OK, "%s", err_text());
    cr_expect_not(has_one(&t.w));
    cr_assert_eq(config_set(&t.w.config, "model.path", t.two.dir, "test"), ERR_OK);
    world_reopen(&t.w);
    cr_expect_not(has_one(&t.w), "nor after a restart");
    cr_assert_eq(change_to(&t, &t.one, &r), ERR_OK, "%s", err_text());
    cr_expect(has_one(&t.w), "back under the first model it is in force again");
    two_models_close(&t);
}

Test(adapters, a_path_is_left_at_a_change_of_the_model_and_refused_by_the_next_start)
{
    struct two_models t;
    struct reembed_report r;
    struct adapter *a;
    struct buf bytes;
    char path[128];

    two_models_open(&t);
    two_models_put(&t, 0, 3);
    snprintf(path, sizeof path, "%s/kept.bin", t.w.dir);
    a = made(&t.w, 2, 99);
    buf_init(&bytes);
    adapter_write(a, &bytes);
    cr_assert_eq(file_write_atomic(path, bytes.p, bytes.n), ERR_OK);
    use(&t.w, path);
    cr_expect(has_one(&t.w));
    cr_assert_eq(change_to(&t, &t.two, &r), ERR_OK, "%s", err_text());
    cr_expect_not(has_one(&t.w));
    engine_close(t.w.engine);
    t.w.engine = NULL;
    cr_assert_eq(config_set(&t.w.config, "model.path", t.two.dir, "test"), ERR_OK);
    cr_expect_eq(engine_open(&t.w.engine, &t.w.config), ERR_FORMAT);
    cr_expect(strstr(err_text(), "another model"), "%s", err_text());
    adapter_unref(a);
    buf_done(&bytes);
    two_models_close(&t);
}
