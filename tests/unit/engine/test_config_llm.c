#include "engine/config_llm.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "engine/config_print.h"
#include "support/config_file.h"

static void expect_refused(const char *text, int wanted, const char *word)
{
    struct config c;

    cr_expect_eq(config_load_text(&c, text), wanted, "%s: %s", text, err_text());
    cr_expect(strstr(err_text(), word), "%s: %s", text, err_text());
}

#define FAST "{ name = \"fast\"; url = \"https://h/v1\"; model = \"small\"; key_env = \"K\"; }"

Test(config_llm, models_are_read_in_their_order_with_defaults)
{
    struct config c;

    cr_assert_eq(config_load_text(&c,
                                  "llm = ( " FAST ",\n"
                                  "{ name = \"best\"; url = \"http://h:1/v1\"; model = \"large\";\n"
                                  "  key_file = \"/k\"; timeout_ms = 5000; first_token_ms = 700;\n"
                                  "  price_in = 2; price_out = 10.5; } );"),
                 ERR_OK, "%s", err_text());
    cr_assert_eq(c.n_llm, 2);
    cr_expect_str_eq(c.llm[0].name, "fast");
    cr_expect_str_eq(c.llm[0].url, "https://h/v1");
    cr_expect_str_eq(c.llm[0].model, "small");
    cr_expect_str_eq(c.llm[0].key_env, "K");
    cr_expect_eq(c.llm[0].timeout_ms, CONFIG_LLM_TIMEOUT_MS);
    cr_expect_eq(c.llm[0].first_token_ms, CONFIG_LLM_FIRST_TOKEN_MS);
    cr_expect_eq(c.llm[0].price_in, 0);
    cr_expect_str_eq(c.llm[1].key_file, "/k");
    cr_expect_eq(c.llm[1].timeout_ms, 5000);
    cr_expect_eq(c.llm[1].first_token_ms, 700);
    cr_expect_eq(c.llm[1].price_in, 2);
    cr_expect_eq(c.llm[1].price_out, 10.5);
}

Test(config_llm, what_is_wrong_is_named_with_file_and_line)
{
    expect_refused("llm = (\n{ name = \"a\"; url = \"http://h\"; }\n);", ERR_ARGUMENT, ":2: ");
    expect_refused("llm = ( { name = \"a\"; url = \"http://h\"; } );", ERR_ARGUMENT, "'model'");
    expect_refused("llm = ( 5 );", ERR_ARGUMENT, "list of groups");
    expect_refused("llm = ( { nme = \"a\"; } );", ERR_ARGUMENT, "'llm.nme'");
    expect_refused("llm = ( { name = 5; } );", ERR_ARGUMENT, "a text");
    expect_refused("llm = ( { timeout_ms = 0; } );", ERR_ARGUMENT, "'llm.timeout_ms'");
    expect_refused("llm = ( { timeout_ms = \"5s\"; } );", ERR_ARGUMENT, "milliseconds");
    expect_refused("llm = ( { price_in = -1; } );", ERR_ARGUMENT, "'llm.price_in'");
    expect_refused("llm = ( { key_env = \"K\"; key_file = \"f\"; name = \"a\"; url = \"http://h\";"
                   " model = \"m\"; } );",
                   ERR_ARGUMENT, "use one");
    expect_refused("llm = ( " FAST ", " FAST " );", ERR_ARGUMENT, "two language models");
    expect_refused("llm = ( { name = \"auto\"; url = \"http://h\"; model = \"m\"; } );",
                   ERR_ARGUMENT, "not auto");
    expect_refused("llm = ( { name = \"extractive\"; url = \"http://h\"; model = \"m\"; } );",
                   ERR_ARGUMENT, "extractive");
    expect_refused("llm = ( { name = \"none\"; url = \"http://h\"; model = \"m\"; } );",
                   ERR_ARGUMENT, "none");
    expect_refused("llm = ( { name = \"a b\"; url = \"http://h\"; model = \"m\"; } );",
                   ERR_ARGUMENT, "letters");
    expect_refused("llm = ( { name = \"a\"; url = \"ftp://h\"; model = \"m\"; } );", ERR_ARGUMENT,
                   "llm 'a'");
    expect_refused("llm = ( " FAST ", " FAST ", " FAST ", " FAST ", " FAST ", " FAST ", " FAST
                   ", " FAST ", " FAST " );",
                   ERR_LIMIT, "limit of 8");
    expect_refused("\nllm = \"x\";", ERR_ARGUMENT, ":2: 'llm' is a list");
    expect_refused("\nllm = { name = \"a\"; };", ERR_ARGUMENT, ":2: 'llm' is a list");
    expect_refused("llm = (\n" FAST ",\n" FAST " );", ERR_ARGUMENT, ":3: two language models");
    expect_refused("llm = (\n{ name = \"a\"; url = \"ftp://h\"; model = \"m\"; } );", ERR_ARGUMENT,
                   ":2: llm 'a'");
}

Test(config_llm, what_is_shown_can_be_read_again)
{
    struct config c, again;
    struct buf text = {0}, json = {0};

    cr_assert_eq(
        config_load_text(&c, "llm = ( { name = \"a\"; url = \"http://h/v1\"; model = \"m\\\"q\"; "
                             "price_out = 0.5; } );"),
        ERR_OK, "%s", err_text());
    config_llm_print(&c, &text);
    buf_add_char(&text, '\0');
    cr_assert_eq(config_load_text(&again, text.p), ERR_OK, "%s in %s", err_text(), text.p);
    cr_expect_eq(again.n_llm, 1);
    cr_expect_str_eq(again.llm[0].model, "m\"q");
    cr_expect_eq(again.llm[0].price_out, 0.5);
    config_print(&c, true, &json);
    buf_add_char(&json, '\0');
    cr_expect(strstr(json.p, "\"llm\":[{\"name\":\"a\""), "%s", json.p);
    buf_done(&text);
    buf_done(&json);
}

Test(config_llm, who_writes_summaries_is_one_of_them_and_has_prices_if_a_budget)
{
    struct config c;

    cr_expect_eq(
        config_load_text(&c, "llm = ( " FAST " ); ingest = { summary_model = \"fast\"; };"), ERR_OK,
        "%s", err_text());
    cr_expect_str_eq(c.ingest.summary_model, "fast");
    cr_expect_eq(config_load_text(&c, "llm = ( " FAST " ); ingest = { summary_model = \"fast\"; "
                                      "summary_tokens = 5000; };"),
                 ERR_OK);
    expect_refused("llm = ( " FAST " );\ningest = { summary_model = \"best\"; };", ERR_ARGUMENT,
                   ":2: 'ingest.summary_model'");
    expect_refused("llm = ( " FAST " ); ingest = { summary_model = \"best\"; };", ERR_ARGUMENT,
                   "'best' is none of the language models");
    expect_refused("ingest = { summary_model = \"fast\"; };", ERR_ARGUMENT, "summary_model");
    expect_refused("llm = ( " FAST " ); ingest = { summary_model = \"fast\"; "
                   "summary_budget = 1.5; };",
                   ERR_ARGUMENT, "needs the prices of 'fast'");
}
