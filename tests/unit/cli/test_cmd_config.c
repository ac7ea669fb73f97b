#include "unit/cli/cli_fixture.h"

Test(cmd_config, show_has_every_section)
{
    json_t *v = run_json(NULL, "config|show|--json|--data|/somewhere", EXIT_DONE);

    cr_expect_str_eq(json_string_value(json_object_get(v, "data")), "/somewhere");
    cr_expect_not_null(json_object_get(v, "retrieve"));
    json_decref(v);
    expect_run(NULL, "config|show|--data|/d", EXIT_DONE, "(from option)", "");
}

Test(cmd_config, check_names_what_cannot_be_read)
{
    expect_run(NULL, "config|check", EXIT_DONE, "is right", "");
    expect_run(NULL, "config|check|--config|/nowhere.conf", EXIT_FAILED, "", "/nowhere.conf");
    setenv("RAGD_RETRIEVE_MODE", "best", 1);
    expect_run(NULL, "config|check", EXIT_USAGE, "", "RAGD_RETRIEVE_MODE");
}

static void expect_check(const char *text, int want_code, const char *want_out,
                         const char *want_err)
{
    char path[] = "/tmp/ragd-config-check.XXXXXX", line[128];
    FILE *f = fdopen(mkstemp(path), "w");

    cr_assert_not_null(f);
    fputs(text, f);
    fclose(f);
    snprintf(line, sizeof line, "config|check|--config|%s", path);
    expect_run(NULL, line, want_code, want_out, want_err);
    unlink(path);
}

#define LLM(key) "llm = ( { name = \"a\"; url = \"http://h/v1\"; model = \"m\"; " key " } );"

Test(cmd_config, check_says_what_serve_would_refuse)
{
    expect_check(LLM(""), EXIT_DONE, "is right", "");
    expect_check(LLM("key_env = \"RAGD_TEST_NO_SUCH_KEY\";"), EXIT_FAILED, "",
                 "RAGD_TEST_NO_SUCH_KEY");
    expect_check(LLM("key_file = \"/nonexistent/key\";"), EXIT_FAILED, "", "/nonexistent/key");
    expect_check("rerank = { model = \"/nonexistent/m\"; };", EXIT_FAILED, "", "/nonexistent/m");
    expect_check("prompt = { file = \"/nonexistent/p\"; };", EXIT_FAILED, "", "/nonexistent/p");
    expect_check("prompt = { file = \"/dev/null\"; };", EXIT_FAILED, "", "/dev/null:1: ");
    expect_check("precompute = { file = \"/nonexistent/q\"; };", EXIT_FAILED, "",
                 "precompute.file: ");
}

Test(cmd_config, needs_to_know_what)
{
    expect_run(NULL, "config", EXIT_USAGE, "", "");
    expect_run(NULL, "config|edit", EXIT_USAGE, "", "");
}

Test(cmd_config, check_says_what_an_embedding_server_lacks)
{
    setenv("RAGD_EMBED_KIND", "openai", 1);
    expect_run(NULL, "config|check", EXIT_USAGE, "", "embed.url");
    setenv("RAGD_EMBED_URL", "http://joe:pw@127.0.0.1:1", 1);
    expect_run(NULL, "config|check", EXIT_USAGE, "", "user or password");
    setenv("RAGD_EMBED_URL", "http://127.0.0.1:1/v1", 1);
    expect_run(NULL, "config|check", EXIT_USAGE, "", "embed.model");
    setenv("RAGD_EMBED_MODEL", "m", 1);
    setenv("RAGD_EMBED_KEY_ENV", "RAGD_TEST_NO_SUCH_KEY", 1);
    expect_run(NULL, "config|check", EXIT_FAILED, "", "RAGD_TEST_NO_SUCH_KEY");
    setenv("RAGD_TEST_NO_SUCH_KEY", "x", 1);
    expect_run(NULL, "config|check", EXIT_DONE, "is right", "");
}
