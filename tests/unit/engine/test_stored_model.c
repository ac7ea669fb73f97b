#include "engine/stored_model.h"

#include <sqlite3.h>

#include "support/two_models.h"

static int agree(struct two_models *t, const struct tiny_model *m)
{
    struct embedder *e = open_tiny(m);
    int rc = stored_model_agree(t->w.engine->store, t->w.config.data, e);

    embedder_close(e);
    return rc;
}

Test(stored_model, an_empty_store_takes_whatever_is_configured)
{
    struct two_models t;

    two_models_open(&t);
    cr_expect_eq(agree(&t, &t.two), ERR_OK, "%s", err_text());
    cr_expect_eq(agree(&t, &t.one), ERR_OK, "%s", err_text());
    two_models_close(&t);
}

Test(stored_model, another_one_is_refused_by_both_names_and_the_way_out)
{
    struct two_models t;

    two_models_open(&t);
    two_models_put(&t, 0, 1);
    cr_expect_eq(agree(&t, &t.two), ERR_ARGUMENT);
    cr_expect_not_null(strstr(err_text(), t.one.dir), "%s", err_text());
    cr_expect_not_null(strstr(err_text(), t.two.dir), "%s", err_text());
    cr_expect_not_null(strstr(err_text(), "ragd reembed"), "%s", err_text());
    cr_expect_eq(agree(&t, &t.one), ERR_OK, "nothing has changed");
    engine_close(t.w.engine);
    t.w.engine = NULL;
    cr_assert_eq(config_set(&t.w.config, "model.path", t.two.dir, "test"), ERR_OK);
    cr_expect_eq(engine_open(&t.w.engine, &t.w.config), ERR_ARGUMENT);
    cr_assert_eq(config_set(&t.w.config, "model.path", t.one.dir, "test"), ERR_OK);
    world_reopen(&t.w);
    two_models_close(&t);
}

Test(stored_model, the_same_model_elsewhere_is_the_same_model)
{
    struct two_models t;
    struct tiny_model copy;
    struct arena *mem = arena_new(0);
    struct store_model m;

    two_models_open(&t);
    tiny_open(&copy);
    two_models_put(&t, 0, 1);
    cr_expect_eq(agree(&t, &copy), ERR_OK, "%s", err_text());
    cr_assert_eq(store_model_of(t.w.config.data, mem, &m), ERR_OK, "%s", err_text());
    cr_expect_str_eq(m.path, copy.dir, "and where it lies is known");
    tiny_close(&copy);
    arena_free(mem);
    two_models_close(&t);
}

Test(stored_model, the_folders_own_model_stands_in_for_a_default_nobody_chose)
{
    struct two_models t;
    struct config chosen, open, empty;

    two_models_open(&t);
    config_defaults(&empty);
    snprintf(empty.data, sizeof empty.data, "%s", t.w.config.data);
    open = empty;
    stored_model_settle_folder(&empty);
    cr_expect_str_eq(empty.model.path, open.model.path, "not where nothing is embedded");
    two_models_put(&t, 0, 1);
    config_defaults(&open);
    snprintf(open.data, sizeof open.data, "%s", t.w.config.data);
    chosen = open;
    cr_assert_eq(config_set(&chosen, "model.path", t.two.dir, "test"), ERR_OK);
    stored_model_settle_folder(&open);
    stored_model_settle_folder(&chosen);
    cr_expect_str_eq(open.model.path, t.one.dir);
    cr_expect_str_eq(chosen.model.path, t.two.dir, "what was chosen stays");
    engine_close(t.w.engine);
    t.w.engine = NULL;
    cr_assert_eq(engine_open(&t.w.engine, &open), ERR_OK, "%s", err_text());
    two_models_close(&t);
}

Test(stored_model, what_the_vectors_are_of_is_known_without_a_model)
{
    struct two_models t;
    struct vector_kind kind;
    struct digest now;

    two_models_open(&t);
    cr_expect_not(stored_model_vectors(t.w.engine->store, &kind), "there are none");
    two_models_put(&t, 0, 1);
    now = engine_fingerprint(t.w.engine);
    cr_assert(stored_model_vectors(t.w.engine->store, &kind));
    cr_expect(digest_eq(&kind.fingerprint, &now));
    cr_expect_eq(kind.dim, embedder_info(t.w.engine->embedder)->dim);
    two_models_close(&t);
}

Test(stored_model, a_path_that_is_gone_does_not_stand_in)
{
    struct config c, before;
    struct store_model m = {.name = "x", .path = "/nowhere/at/all", .in_use = true};

    config_defaults(&c);
    before = c;
    stored_model_settle(&c, &m);
    cr_expect_str_eq(c.model.path, before.model.path);
}

/* As a version before this one left it. */
static void forget_model(struct two_models *t)
{
    char path[CONFIG_TEXT_MAX + 16];
    sqlite3 *db;

    engine_close(t->w.engine);
    t->w.engine = NULL;
    snprintf(path, sizeof path, "%s/ragd.db", t->w.config.data);
    cr_assert_eq(sqlite3_open(path, &db), SQLITE_OK);
    cr_assert_eq(sqlite3_exec(db, "DELETE FROM meta WHERE key LIKE 'model%'", NULL, NULL, NULL),
                 SQLITE_OK);
    sqlite3_close(db);
}

Test(stored_model, a_store_that_does_not_say_is_known_by_its_vectors)
{
    struct two_models t;

    two_models_open(&t);
    two_models_put(&t, 0, 1);
    forget_model(&t);
    cr_assert_eq(config_set(&t.w.config, "model.path", t.two.dir, "test"), ERR_OK);
    cr_expect_eq(engine_open(&t.w.engine, &t.w.config), ERR_ARGUMENT);
    cr_expect_not_null(strstr(err_text(), "an earlier version"), "%s", err_text());
    cr_assert_eq(config_set(&t.w.config, "model.path", t.one.dir, "test"), ERR_OK);
    world_reopen(&t.w);
    cr_expect_eq(agree(&t, &t.two), ERR_ARGUMENT);
    cr_expect_not_null(strstr(err_text(), t.one.dir), "now it says: %s", err_text());
    two_models_close(&t);
}
