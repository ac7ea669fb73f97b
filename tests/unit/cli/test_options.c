#include "unit/cli/cli_fixture.h"

/* The options point into the words, which live until the next call. */
static int parse_line(const char *line, void **options)
{
    static char copy[512];
    char *words[WORDS_MAX + 1];
    int n;

    snprintf(copy, sizeof copy, "%s", line);
    n = split_words(copy, words);
    return options_parse(command_find(words[0]), n, words, true, options);
}

Test(options, common_ones_are_understood_by_every_command)
{
    static const char *const lines[] = {
        "query|--data|D|-c|C|--tenant|T|--json|x",
        "ingest|--data|D|-c|C|--tenant|T|--json|x",
        "serve|--data|D|-c|C|--tenant|T|--json",
        "docs|--data|D|-c|C|--tenant|T|--json|list",
        "cache|--data|D|-c|C|--tenant|T|--json|stats",
        "check|--data|D|-c|C|--tenant|T|--json",
        "backup|--data|D|-c|C|--tenant|T|--json|x",
        "restore|--data|D|-c|C|--tenant|T|--json|x",
        "model|--data|D|-c|C|--tenant|T|--json|info",
        "config|--data|D|-c|C|--tenant|T|--json|show",
        "bench|--data|D|-c|C|--tenant|T|--json",
        "help|--data|D|-c|C|--tenant|T|--json",
        "eval|--data|D|-c|C|--tenant|T|--json|--questions|q|--qrels|r",
    };

    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        void *options = NULL;
        struct common *o;

        cr_expect_eq(parse_line(lines[i], &options), EXIT_DONE, "%s", lines[i]);
        o = options;
        cr_expect_str_eq(o->data, "D");
        cr_expect_str_eq(o->collection, "C");
        cr_expect_str_eq(o->tenant, "T");
        cr_expect(o->json);
        mem_free(options);
    }
}

Test(options, unknown_ones_are_wrong_usage_everywhere)
{
    for (int i = 0; commands[i]; i++) {
        char line[64];
        void *options = NULL;

        snprintf(line, sizeof line, "%s|--bogus", commands[i]->name);
        cr_expect_eq(parse_line(line, &options), EXIT_USAGE, "%s", line);
        mem_free(options);
    }
}

Test(options, win_over_the_defaults)
{
    void *options = NULL;
    struct common *o;

    cr_assert_eq(parse_line("serve|--listen|127.0.0.1:9|--workers|3|--data|/d", &options),
                 EXIT_DONE);
    o = options;
    cr_assert_eq(common_configure(o), ERR_OK, "%s", err_text());
    cr_expect_str_eq(o->config.listen, "127.0.0.1:9");
    cr_expect_str_eq(o->config.data, "/d");
    cr_expect_eq(o->config.server.workers, 3);
    mem_free(options);
}

Test(options, that_are_settings_have_the_settings_bounds)
{
    void *options = NULL;

    cr_assert_eq(parse_line("serve|--workers|many", &options), EXIT_DONE);
    cr_expect_eq(common_configure(options), ERR_ARGUMENT);
    cr_expect_not_null(strstr(err_text(), "--workers"), "%s", err_text());
    mem_free(options);
}

Test(options, a_server_keeps_its_own_settings_but_the_callers_collection)
{
    struct config server;
    struct common o = {.collection = "mine"};

    config_defaults(&server);
    server.retrieve.k = 9;
    cr_assert_eq(common_adopt(&o, &server), ERR_OK);
    cr_expect_eq(o.config.retrieve.k, 9);
    cr_expect_str_eq(o.config.collection, "mine");
    cr_expect_str_eq(o.config.tenant, "default");
}
