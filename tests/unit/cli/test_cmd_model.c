#include "support/fake_embed.h"
#include "unit/cli/cli_fixture.h"

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
