#include "engine/engine.h"

#include <sqlite3.h>
#include <sys/wait.h>

#include "support/two_models.h"

Test(engine, opens_an_empty_folder_and_closes)
{
    struct world w;

    WORLD_OPEN(&w);
    cr_expect_not_null(w.engine->retriever);
    cr_expect_eq(embedder_info(w.engine->embedder)->dim, 384);
    world_close(&w);
}

Test(engine, a_second_owner_is_refused_and_told_who_has_it)
{
    struct world w;
    int status;
    pid_t child;

    WORLD_OPEN(&w);
    child = fork();
    if (child == 0) {
        struct engine *e = NULL;
        int rc = engine_open(&e, &w.config);

        _exit(rc == ERR_BUSY && strstr(err_text(), "process") ? 0 : 1);
    }
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    world_close(&w);
}

Test(engine, what_was_ingested_is_there_after_reopening)
{
    struct world w;
    struct world_reply r;

    WORLD_OPEN(&w);
    world_put(&w, "a", "The capital of France is Paris.", NULL);
    world_reopen(&w);
    world_ask(&w, "{\"question\":\"What is the capital of France?\"}", &r);
    cr_expect_eq(json_array_size(json_object_get(r.json, "sources")), 1);
    world_forget(&r);
    world_close(&w);
}

static void reopen_beside(struct world *w)
{
    engine_close(w->engine);
    w->engine = NULL;
    cr_assert_eq(engine_open_beside(&w->engine, &w->config), ERR_OK, "%s", err_text());
}

Test(engine, collections_that_are_read_beside_the_model_are_there_too)
{
    struct two_models t;
    struct world_reply r;

    two_models_open(&t);
    two_models_put(&t, 0, 3);
    reopen_beside(&t.w);
    world_ask(&t.w, "{\"question\":\"aa ba cb?\",\"k\":3}", &r);
    cr_expect_eq(json_array_size(json_object_get(r.json, "sources")), 3);
    world_forget(&r);
    engine_close(t.w.engine);
    t.w.engine = NULL;
    cr_assert_eq(config_set(&t.w.config, "model.path", t.two.dir, "test"), ERR_OK);
    cr_expect_eq(engine_open_beside(&t.w.engine, &t.w.config), ERR_ARGUMENT, "another model");
    cr_assert_eq(config_set(&t.w.config, "model.path", t.one.dir, "test"), ERR_OK);
    world_reopen(&t.w);
    two_models_close(&t);
}

static void damage_dim(const struct config *c)
{
    char path[CONFIG_TEXT_MAX + 16];
    sqlite3 *db;

    snprintf(path, sizeof path, "%s/ragd.db", c->data);
    cr_assert_eq(sqlite3_open(path, &db), SQLITE_OK);
    cr_assert_eq(sqlite3_exec(db, "UPDATE models SET dim = dim + 1", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

Test(engine, a_dimension_that_the_model_does_not_have_is_not_believed)
{
    struct two_models t;
    struct world_reply r;

    two_models_open(&t);
    two_models_put(&t, 0, 3);
    engine_close(t.w.engine);
    t.w.engine = NULL;
    damage_dim(&t.w.config);
    cr_assert_eq(engine_open_beside(&t.w.engine, &t.w.config), ERR_OK, "%s", err_text());
    world_ask(&t.w, "{\"question\":\"aa ba cb?\",\"k\":3,\"mode\":\"vector\"}", &r);
    cr_expect_eq(json_array_size(json_object_get(r.json, "sources")), 3);
    world_forget(&r);
    two_models_close(&t);
}

Test(engine, closing_while_indexes_are_built_waits_for_whoever_builds)
{
    struct two_models t;
    char command[CONFIG_TEXT_MAX + 32];

    two_models_open(&t);
    two_models_put(&t, 0, 60);
    for (int i = 0; i < 10; i++) {
        engine_close(t.w.engine);
        t.w.engine = NULL;
        snprintf(command, sizeof command, "rm -r '%s/index'", t.w.config.data);
        cr_assert_eq(system(command), 0);
        reopen_beside(&t.w);
    }
    two_models_close(&t);
}

static void make_empty(const char *data, const char *name)
{
    char path[512];
    FILE *f;

    snprintf(path, sizeof path, "%s/%s", data, name);
    f = fopen(path, "w");
    cr_assert_not_null(f);
    fclose(f);
}

Test(engine, an_empty_database_beside_index_files_is_a_lost_one)
{
    struct world w;
    struct engine *e = NULL;
    char path[CONFIG_TEXT_MAX + 16];

    WORLD_OPEN(&w);
    engine_close(w.engine);
    w.engine = NULL;
    make_empty(w.config.data, "index/1-0123456789abcdef.manifest");
    make_empty(w.config.data, "ragd.db");
    cr_expect_eq(engine_open(&e, &w.config), ERR_FORMAT);
    cr_expect_not_null(strstr(err_text(), "ragd.db' is empty"), "%s", err_text());
    snprintf(path, sizeof path, "%s/ragd.db", w.config.data);
    remove(path); /* as the message says */
    world_reopen(&w);
    cr_expect_not_null(w.engine->retriever);
    world_close(&w);
}

Test(engine, a_missing_model_is_named)
{
    struct config c;
    struct engine *e = NULL;
    char dir[] = "/tmp/ragd-test-XXXXXX";

    cr_assert_not_null(mkdtemp(dir));
    config_defaults(&c);
    snprintf(c.data, sizeof c.data, "%s/data", dir);
    snprintf(c.model.path, sizeof c.model.path, "%s/no-such-model", dir);
    cr_expect_lt(engine_open(&e, &c), 0);
    cr_expect(strstr(err_text(), "no-such-model"), "%s", err_text());
    nftw(dir, world_rm, 16, FTW_DEPTH | FTW_PHYS);
}

Test(engine, who_holds_the_old_embedder_uses_it_to_the_end)
{
    struct two_models t;
    struct embedder *old, *next, *now;
    struct digest before, after;
    struct arena *mem = arena_new(0);
    float *vector = NULL;

    two_models_open(&t);
    old = engine_embedder(t.w.engine);
    before = engine_fingerprint(t.w.engine);
    next = open_tiny(&t.two);
    engine_take_model(t.w.engine, next);
    embedder_close(next);
    after = engine_fingerprint(t.w.engine);
    cr_expect(!digest_eq(&before, &after));
    now = engine_embedder(t.w.engine);
    cr_expect_eq(now, next);
    embedder_close(now);
    cr_expect_eq(embed_query(old, NULL, STR_LIT("abc"), mem, &vector), ERR_OK);
    embedder_close(old);
    arena_free(mem);
    two_models_close(&t);
}
