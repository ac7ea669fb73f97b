#include "engine/config.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "support/config_file.h"

#define expect_refused(text, code, part)                                                           \
    do {                                                                                           \
        struct config refused_;                                                                    \
        cr_expect_eq(config_load_text(&refused_, (text)), (code), "%s: %s", (text), err_text());   \
        cr_expect_not_null(strstr(err_text(), (part)), "'%s' lacks '%s'", err_text(), (part));     \
    } while (0)

Test(config, defaults_are_those_of_the_contract)
{
    struct config c;

    config_defaults(&c);
    cr_expect_str_eq(c.data, "./ragd-data");
    cr_expect_str_eq(c.listen, "127.0.0.1:8080");
    cr_expect_eq(c.chunk.chars, 1000);
    cr_expect_eq(c.chunk.overlap, 150);
    cr_expect_eq(c.retrieve.k, 5);
    cr_expect_str_eq(c.retrieve.mode, "hybrid");
    cr_expect(c.ingest.summaries);
    cr_expect_float_eq(c.retrieve.k1, 1.2, 1e-12);
    cr_expect_eq(c.cache.bytes, 256 << 20);
    cr_expect_eq(c.limits.body_bytes, 1 << 20);
    cr_expect(c.retrieve.stop_words);
    cr_expect_str_eq(c.embed.kind, "local");
    cr_expect_eq(c.embed.timeout_ms, 10000);
    cr_expect_eq(c.embed.batch, 64);
    cr_expect_eq(config_check(&c), ERR_OK);
}

Test(config, tells_a_default_from_what_was_set)
{
    struct config c;

    config_defaults(&c);
    cr_expect(config_is_default(&c, "model.path"));
    cr_assert_eq(config_set(&c, "model.path", "/m", "--model"), ERR_OK);
    cr_expect(!config_is_default(&c, "model.path"));
}

Test(config, nothing_is_kept_of_what_is_asked_and_nothing_paid_for_unasked)
{
    struct config c;

    config_defaults(&c);
    cr_expect(!c.cache.keep_questions);
    cr_expect_str_eq(c.precompute.refresh, "quoted");
    cr_expect_str_eq(c.precompute.at, "");
}

Test(config, a_time_of_the_day_needs_questions)
{
    struct config c;
    int minute = -1;

    cr_assert_eq(
        config_load_text(&c, "precompute = { file = \"q.txt\"; top = 50; at = \"03:05\"; };"),
        ERR_OK, "%s", err_text());
    cr_assert_eq(config_minute_of_day(c.precompute.at, &minute), ERR_OK);
    cr_expect_eq(minute, 185);
    cr_expect_eq(c.precompute.ttl_s, 86400);
    expect_refused("precompute = { at = \"03:05\"; };", ERR_ARGUMENT, "precompute.top");
    expect_refused("precompute = { top = 1; at = \"24:00\"; };", ERR_ARGUMENT, "03:00");
    expect_refused("precompute = { top = 1; at = \"3:00\"; };", ERR_ARGUMENT, "03:00");
    expect_refused("precompute = { top = 1; at = \"12:60\"; };", ERR_ARGUMENT, "03:00");
    expect_refused("precompute = { top = 1; at = \"12:5x\"; };", ERR_ARGUMENT, "03:00");
    expect_refused("precompute = { refresh = \"always\"; };", ERR_ARGUMENT, "off quoted all");
}

Test(config, an_embedding_server_needs_a_url_and_a_model)
{
    struct config c;

    expect_refused("embed = { kind = \"cloud\"; };", ERR_ARGUMENT, "local openai tei");
    expect_refused("embed = { kind = \"tei\"; };", ERR_ARGUMENT, "embed.url");
    expect_refused("embed = { kind = \"openai\"; url = \"http://h/v1\"; };", ERR_ARGUMENT,
                   "embed.model");
    expect_refused("embed = { batch = 0; };", ERR_LIMIT, "embed.batch");
    cr_assert_eq(config_load_text(&c, "embed = { kind = \"tei\"; url = \"http://h:80\"; };"),
                 ERR_OK, "%s", err_text());
    cr_expect_str_eq(c.embed.url, "http://h:80");
}

Test(config, file_wins_over_default)
{
    struct config c;

    cr_assert_eq(config_load_text(&c,
                                  "data = \"/srv/d\";\n"
                                  "chunk = { chars = 500; overlap = 50; };\n"
                                  "cache = { bytes = \"64KB\"; semantic = \"strict\"; };\n"
                                  "retrieve = { stop_words = false; b = 1; mode = \"vector\"; };\n"
                                  "limits = { queue = 9; memory = 5000000000L; };\n"
                                  "store = { kind = \"embedded\"; };\n"),
                 ERR_OK, "%s", err_text());
    cr_expect_str_eq(c.data, "/srv/d");
    cr_expect_eq(c.chunk.chars, 500);
    cr_expect_eq(c.cache.bytes, 65536);
    cr_expect_str_eq(c.cache.semantic, "strict");
    cr_expect_not(c.retrieve.stop_words);
    cr_expect_float_eq(c.retrieve.b, 1, 0);
    cr_expect_str_eq(c.retrieve.mode, "vector");
    cr_expect_eq(c.server.queue, 9);
    cr_expect_eq(c.limits.memory, 5000000000);
}

Test(config, environment_wins_over_file_and_option_over_both)
{
    struct config c;

    setenv("RAGD_CHUNK_CHARS", "700", 1);
    setenv("RAGD_DATA", "/from/env", 1);
    setenv("RAGD_MODEL_PATH", "/m", 1);
    cr_assert_eq(config_load_text(&c, "data = \"/from/file\"; chunk = { chars = 500; };"), ERR_OK);
    cr_expect_str_eq(c.data, "/from/env");
    cr_expect_eq(c.chunk.chars, 700);
    cr_expect_str_eq(c.model.path, "/m");
    cr_expect_eq(config_set(&c, "chunk.chars", "900", "--chunk-chars"), ERR_OK);
    cr_expect_eq(c.chunk.chars, 900);
}

Test(config, bad_environment_is_named)
{
    struct config c;

    setenv("RAGD_RETRIEVE_K", "many", 1);
    cr_expect_eq(config_load_text(&c, ""), ERR_ARGUMENT);
    cr_expect_not_null(strstr(err_text(), "RAGD_RETRIEVE_K"), "%s", err_text());
}

Test(config, unknown_setting_names_file_and_line)
{
    expect_refused("data = \"x\";\n\nchunk = {\n  charz = 5; };", ERR_ARGUMENT, ":4: ");
    expect_refused("chunk = { charz = 5; };", ERR_ARGUMENT, "chunk.charz");
    expect_refused("nothing = 1;", ERR_ARGUMENT, "nothing");
    expect_refused("data = { path = 1; };", ERR_ARGUMENT, "data");
    expect_refused("chunk = 5;", ERR_ARGUMENT, "chunk");
}

Test(config, ill_typed_setting_says_what_it_must_be)
{
    expect_refused("\nchunk = { chars = \"500\"; };", ERR_ARGUMENT, ":2: ");
    expect_refused("chunk = { chars = \"500\"; };", ERR_ARGUMENT, "a whole number");
    expect_refused("chunk = { chars = 5.5; };", ERR_ARGUMENT, "a whole number");
    expect_refused("data = 5;", ERR_ARGUMENT, "a text");
    expect_refused("data = (1, 2);", ERR_ARGUMENT, "a group or list");
    expect_refused("retrieve = { stop_words = \"no\"; };", ERR_ARGUMENT, "true or false");
    expect_refused("cache = { bytes = \"lots\"; };", ERR_ARGUMENT, "256MB");
    expect_refused("cache = { bytes = \"-5\"; };", ERR_ARGUMENT, "256MB");
    expect_refused("cache = { bytes = \"5QB\"; };", ERR_ARGUMENT, "256MB");
    expect_refused("retrieve = { mode = \"best\"; };", ERR_ARGUMENT, "hybrid vector keyword");
    expect_refused("cache = { semantic = \"loose\"; };", ERR_ARGUMENT, "off strict");
}

Test(config, values_out_of_bounds_name_the_bounds)
{
    expect_refused("retrieve = { k = 0; };", ERR_LIMIT, "from 1 to 100");
    expect_refused("retrieve = { b = 1.5; };", ERR_LIMIT, "from 0 to 1");
    expect_refused("chunk = { chars = 100; overlap = 100; };", ERR_ARGUMENT, "smaller");
    expect_refused("tenant = \"0123456789012345678901234567890123456789012345678901234567890123456"
                   "789\";",
                   ERR_LIMIT, "64 bytes");
}

Test(config, settings_of_later_versions_say_so)
{
    expect_refused("store = { kind = \"pgvector\"; };", ERR_UNSUPPORTED, "not available");
}

Test(config, broken_syntax_names_file_and_line)
{
    expect_refused("data = \"x\";\nchunk = { chars = ;", ERR_ARGUMENT, ":2: ");
    expect_refused("data = \"x\"; data = \"y\";", ERR_ARGUMENT, ":1: ");
}

Test(config, a_file_that_was_asked_for_must_be_there)
{
    struct config c;

    cr_expect_eq(config_load(&c, "/nowhere/ragd.conf"), ERR_NOT_FOUND);
    cr_expect_not_null(strstr(err_text(), "/nowhere/ragd.conf"));
}

Test(config, a_redis_is_checked)
{
    struct config c;

    cr_assert_eq(config_load_text(&c, "redis = { url = \"redis://h:7\"; };"), ERR_OK, "%s",
                 err_text());
    cr_expect_eq(c.redis.timeout_ms, 50);
    expect_refused("redis = { url = \"http://h\"; };", ERR_ARGUMENT, "redis.url");
    expect_refused("redis = { url = \"redis://h\"; timeout_ms = 0; };", ERR_LIMIT, "from 1");
}

Test(config, what_does_not_fit_together_is_named_with_its_place)
{
    struct config c;

    expect_refused("\nprecompute = {\n at = \"25:00\"; };", ERR_ARGUMENT, ":3: 'precompute.at'");
    expect_refused("redis = { url = \"http://h\"; };", ERR_ARGUMENT, ":1: 'redis.url'");
    setenv("RAGD_REDIS_URL", "http://h", 1);
    cr_expect_lt(config_load(&c, "/dev/null"), 0);
    cr_expect(strstr(err_text(), "RAGD_REDIS_URL: 'redis.url'"), "%s", err_text());
    unsetenv("RAGD_REDIS_URL");
}

Test(config, traces_go_nowhere_unasked_and_their_url_is_checked)
{
    struct config c;

    config_defaults(&c);
    cr_expect_str_eq(c.trace.url, "");
    cr_expect_eq(c.trace.sample, 0.01);
    cr_expect_str_eq(c.trace.service, "ragd");
    cr_expect(c.server.access_log);
    expect_refused("trace = {\n url = \"collector:4318\"; };", ERR_ARGUMENT, ":2: 'trace.url'");
    expect_refused("trace = { url = \"http://u:p@h/v1/traces\"; };", ERR_ARGUMENT, "'trace.url'");
    expect_refused("trace = { sample = 1.5; };", ERR_LIMIT, "from 0 to 1");
}
