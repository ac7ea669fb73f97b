#include "cli/command.h"

#include "base/file.h"
#include "support/two_models.h"
#include "unit/cli/cli_fixture.h"

static struct two_models t;

static void begin(void)
{
    two_models_open(&t);
    two_models_put(&t, 0, 12);
}

static void end(void)
{
    two_models_close(&t);
}

TestSuite(cmd_reembed, .init = begin, .fini = end);

static const char *words(const char *options)
{
    static char line[512];

    snprintf(line, sizeof line, "reembed|--model|%s%s", t.two.dir, options);
    return line;
}

Test(cmd_reembed, a_server_changes_over_and_says_what_to_set)
{
    expect_run(t.w.engine, words(""), EXIT_DONE, "12 passages embedded, 12 old vectors dropped",
               "before the next start");
    cr_expect_eq(count_vectors(&t, &t.two), 12);
    expect_run(t.w.engine, words(""), EXIT_DONE, "already", "");
    expect_run(t.w.engine, "reembed", EXIT_DONE, "already", "");
    expect_run(t.w.engine, "check", EXIT_DONE, "all is right", "");
}

Test(cmd_reembed, says_that_an_adapter_of_the_old_model_is_of_no_use)
{
    struct adapter_origin origin = {.model = embedder_fingerprint(t.w.engine->embedder)};
    size_t dim = embedder_info(t.w.engine->embedder)->dim;
    float *weights = mem_calloc(dim * dim, sizeof *weights);
    struct adapter *a = adapter_new(&origin, weights, dim);
    struct buf bytes;
    char path[128];

    buf_init(&bytes);
    adapter_write(a, &bytes);
    snprintf(path, sizeof path, "%s/kept.bin", t.w.dir);
    cr_assert_eq(file_write_atomic(path, bytes.p, bytes.n), ERR_OK);
    snprintf(t.w.config.model.adapter, sizeof t.w.config.model.adapter, "%s", path);
    world_reopen(&t.w);
    expect_run(t.w.engine, words(""), EXIT_DONE, "12 passages embedded", "model.adapter");
    buf_done(&bytes);
    adapter_unref(a);
    mem_free(weights);
}

Test(cmd_reembed, tells_in_json_what_was_done)
{
    json_t *v = run_json(t.w.engine, words("|--json"), EXIT_DONE);

    cr_expect(json_is_true(json_object_get(v, "changed")));
    cr_expect_eq(json_integer_value(json_object_get(v, "embedded")), 12);
    cr_expect_eq(json_integer_value(json_object_get(v, "dropped")), 12);
    cr_expect_eq(json_string_length(json_object_get(v, "fingerprint")), 64);
    json_decref(v);
}

Test(cmd_reembed, changes_a_folder_that_nobody_serves)
{
    char line[CONFIG_TEXT_MAX + 128];

    engine_close(t.w.engine);
    t.w.engine = NULL;
    snprintf(line, sizeof line, "reembed|--data|%s|--model|%s", t.w.config.data, t.two.dir);
    expect_run(NULL, line, EXIT_DONE, "12 passages embedded", "");
    cr_assert_eq(config_set(&t.w.config, "model.path", t.two.dir, "test"), ERR_OK);
    world_reopen(&t.w);
    cr_expect_eq(count_vectors(&t, &t.two), 12);
}

Test(cmd_reembed, a_folder_without_a_model_or_documents_is_named)
{
    char line[CONFIG_TEXT_MAX + 128];

    expect_run(t.w.engine, "reembed|--model|/nowhere", EXIT_FAILED, "",
               "no embedding model in '/nowhere'");
    snprintf(line, sizeof line, "reembed|--data|%s/none|--model|%s", t.w.dir, t.two.dir);
    expect_run(NULL, line, EXIT_FAILED, "", "there are no documents");
    cr_expect_eq(count_vectors(&t, &t.one), 12);
}

Test(cmd_reembed, other_settings_are_still_the_servers)
{
    expect_run(t.w.engine, "search|--model|/elsewhere|abc", EXIT_USAGE, "", "has its own settings");
    expect_run(t.w.engine, words("|--precision|nonsense"), EXIT_USAGE, "", "precision");
}
