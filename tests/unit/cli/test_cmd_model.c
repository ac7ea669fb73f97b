#include "base/file.h"
#include "engine/adapters.h"
#include "support/fake_embed.h"
#include "support/two_models.h"
#include "unit/cli/cli_fixture.h"
#include "unit/embed/tiny_model.h"

Test(cmd_model, info_tells_shape_and_fingerprint)
{
    struct config c;
    json_t *v;

    config_defaults(&c);
    if (access(c.model.path, R_OK) != 0)
        cr_skip_test("needs models/all-MiniLM-L6-v2");
    v = run_json(NULL, "model|info|--json", EXIT_DONE);
    cr_expect_eq(json_integer_value(json_object_get(v, "dimensions")), 384);
    cr_expect_eq(strlen(json_string_value(json_object_get(v, "fingerprint"))), 64);
    json_decref(v);
    expect_run(NULL, "model|info", EXIT_DONE, "384 dimensions", "");
}

Test(cmd_model, info_tells_all_that_vectors_depend_on)
{
    struct tiny_model m;
    char line[128];
    json_t *v;

    tiny_open(&m);
    tiny_write_text(&m, "config_sentence_transformers.json", "{\"prompts\":{\"query\":\"ask: \"}}");
    snprintf(line, sizeof line, "model|info|--model|%s", m.dir);
    expect_run(NULL, line, EXIT_DONE, "BERT: 2 layers, 3 heads, hidden 24, intermediate 40\n", "");
    expect_run(NULL, line, EXIT_DONE, "24 dimensions, mean pooling\n", "");
    expect_run(NULL, line, EXIT_DONE, "longest text    64 tokens\n", "");
    expect_run(NULL, line, EXIT_DONE, "query prefix    \"ask: \"\npassage prefix  none\n", "");
    strcat(line, "|--json");
    v = run_json(NULL, line, EXIT_DONE);
    cr_expect_str_eq(json_string_value(json_object_get(v, "class")), "bert");
    cr_expect_str_eq(json_string_value(json_object_get(v, "query_prefix")), "ask: ");
    cr_expect_eq(json_integer_value(json_object_get(v, "intermediate")), 40);
    cr_expect_gt(json_integer_value(json_object_get(v, "memory_bytes")), 0);
    json_decref(v);
    tiny_close(&m);
}

Test(cmd_model, info_tells_precision_pack_and_quality)
{
    struct tiny_model m;
    char line[128];
    json_t *v;

    tiny_open(&m);
    snprintf(line, sizeof line, "model|info|--model|%s|--precision|bf16", m.dir);
    expect_run(NULL, line, EXIT_DONE, "ragd-bf16.pack, 0.0 MB\n", "");
    expect_run(NULL, line, EXIT_DONE, "smallest, over 64 texts\n", "");
    strcat(line, "|--json");
    v = run_json(NULL, line, EXIT_DONE);
    cr_expect_str_eq(json_string_value(json_object_get(v, "precision")), "bf16");
    cr_expect_gt(json_integer_value(json_object_get(json_object_get(v, "pack"), "bytes")), 256);
    cr_expect_eq(json_integer_value(json_object_get(json_object_get(v, "quality"), "texts")), 64);
    json_decref(v);
    snprintf(line, sizeof line, "model|info|--model|%s|--precision|f32", m.dir);
    expect_run(NULL, line, EXIT_DONE, "quality         exact\n", "");
    snprintf(line, sizeof line, "model|info|--model|%s|--precision|f16", m.dir);
    expect_run(NULL, line, EXIT_USAGE, "", "auto f32 bf16 int8");
    tiny_close(&m);
}

/* What another model's folder comes to, as a user sees it. */
Test(cmd_model, a_model_of_another_class_is_refused_with_the_reason)
{
    struct tiny_model m;
    char line[128];

    tiny_open(&m);
    tiny_write_text(&m, "config.json", "{\"model_type\":\"xlm-roberta\"}");
    snprintf(line, sizeof line, "model|info|--model|%s", m.dir);
    expect_run(NULL, line, EXIT_USAGE, "", "'model_type' is \"xlm-roberta\"");
    expect_run(NULL, line, EXIT_USAGE, "", "BERT sentence models are supported");
    tiny_close(&m);
}

Test(cmd_model, a_folder_without_a_model_is_named)
{
    expect_run(NULL, "model|info|--model|/nowhere", EXIT_FAILED, "", "/nowhere");
    expect_run(NULL, "model", EXIT_USAGE, "", "");
    expect_run(NULL, "model|train", EXIT_USAGE, "", "");
}

Test(cmd_model, info_of_a_server_tells_where_and_which)
{
    struct fake_embed server;
    char url[128];
    json_t *v;

    fake_embed_start(&server);
    setenv("RAGD_EMBED_KIND", "tei", 1);
    setenv("RAGD_EMBED_URL", fake_url(&server.http, "", url), 1);
    v = run_json(NULL, "model|info|--json", EXIT_DONE);
    cr_expect_str_eq(json_string_value(json_object_get(v, "kind")), "tei");
    cr_expect_str_eq(json_string_value(json_object_get(v, "name")), "fake/words");
    cr_expect_eq(json_integer_value(json_object_get(v, "dimensions")), FAKE_DIM);
    cr_expect_eq(json_integer_value(json_object_get(v, "max_tokens")), 256);
    json_decref(v);
    expect_run(NULL, "model|info", EXIT_DONE, url, "");
    fake_embed_stop(&server);
    expect_run(NULL, "model|info", EXIT_FAILED, "", url);
}

/* A collection's own that does not fit is no reason to fail. */
static void tell_of_own_adapter(const char *line)
{
    char dir[] = "/tmp/ragd-test-XXXXXX", folder[64], more[320];
    char *path;

    cr_assert_not_null(mkdtemp(dir));
    snprintf(folder, sizeof folder, "%s/adapters", dir);
    cr_assert_eq(file_make_dirs(folder), ERR_OK);
    path = adapter_path(dir, "default", "default");
    cr_assert_eq(file_write_atomic(path, "no adapter", 10), ERR_OK);
    unsetenv("RAGD_MODEL_ADAPTER");
    snprintf(more, sizeof more, "%s|--data|%s", line, dir);
    expect_run(NULL, more, EXIT_DONE, "adapter         none: ", "");
    unlink(path), rmdir(folder), rmdir(dir);
    mem_free(path);
}

Test(cmd_model, info_tells_of_the_adapter_or_why_it_cannot_be)
{
    struct tiny_model m;
    char line[256], path[160];

    tiny_open(&m);
    snprintf(line, sizeof line, "model|info|--model|%s", m.dir);
    expect_run(NULL, line, EXIT_DONE, "adapter         none\n", "");
    tiny_write_text(&m, "kept.bin", "no adapter");
    snprintf(path, sizeof path, "%s/kept.bin", m.dir);
    setenv("RAGD_MODEL_ADAPTER", path, 1);
    expect_run(NULL, line, EXIT_FAILED, "", "kept.bin");
    tell_of_own_adapter(line);
    setenv("RAGD_MODEL_ADAPTER", "off", 1);
    expect_run(NULL, line, EXIT_DONE, "adapter         none\n", "");
    unsetenv("RAGD_MODEL_ADAPTER");
    tiny_close(&m);
}

Test(cmd_model, info_tells_the_reranker_when_there_is_one)
{
    struct tiny_model m, cross;
    char line[128];
    json_t *v, *rerank;

    tiny_open(&m);
    tiny_open(&cross);
    tiny_make_cross(&cross);
    snprintf(line, sizeof line, "model|info|--model|%s", m.dir);
    expect_run(NULL, line, EXIT_DONE, "reranker        none\n", "");
    setenv("RAGD_RERANK_MODEL", cross.dir, 1);
    expect_run(NULL, line, EXIT_DONE, ": 2 layers, hidden 24, pairs of 64 tokens, ", "");
    strcat(line, "|--json");
    v = run_json(NULL, line, EXIT_DONE);
    rerank = json_object_get(v, "reranker");
    cr_expect_str_eq(json_string_value(json_object_get(rerank, "kind")), "local");
    cr_expect_eq(json_integer_value(json_object_get(rerank, "max_tokens")), 64);
    json_decref(v);
    setenv("RAGD_RERANK_MODEL", m.dir, 1);
    expect_run(NULL, line, EXIT_USAGE, "", "BertForSequenceClassification");
    tiny_close(&cross);
    tiny_close(&m);
}

Test(cmd_model, info_says_when_the_documents_are_of_another_model)
{
    struct two_models t;
    char line[CONFIG_TEXT_MAX + 128];
    json_t *v;

    two_models_open(&t);
    two_models_put(&t, 0, 1);
    snprintf(line, sizeof line, "model|info|--data|%s|--model|%s", t.w.config.data, t.two.dir);
    expect_run(NULL, line, EXIT_DONE, "ragd reembed", "");
    snprintf(line, sizeof line, "model|info|--json|--data|%s|--model|%s", t.w.config.data,
             t.one.dir);
    v = run_json(NULL, line, EXIT_DONE);
    cr_expect(json_is_true(json_object_get(json_object_get(v, "documents"), "same")));
    json_decref(v);
    two_models_close(&t);
}
