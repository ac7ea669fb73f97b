#include "engine/reranking.h"

#include <criterion/criterion.h>

#include "base/err.h"
#include "support/fake_rerank.h"
#include "unit/embed/tiny_model.h"

static void set(struct config *c, const char *name, const char *value)
{
    cr_assert_eq(config_set(c, name, value, "test"), ERR_OK, "%s", err_text());
}

Test(reranking, there_is_none_unless_one_is_configured)
{
    struct config c;
    struct reranker *r = (struct reranker *)&c;

    config_defaults(&c);
    cr_expect_not(reranking_is_configured(&c));
    cr_expect_not(reranking_is_remote(&c));
    cr_expect_eq(reranking_check(&c), ERR_OK);
    cr_expect_eq(reranking_open(&r, &c), ERR_OK);
    cr_expect_null(r);
}

Test(reranking, says_what_is_missing)
{
    struct config c;
    struct reranker *r = NULL;

    config_defaults(&c);
    set(&c, "retrieve.rerank", "model");
    cr_expect_eq(reranking_check(&c), ERR_ARGUMENT);
    cr_expect(strstr(err_text(), "rerank.model"), "%s", err_text());
    cr_expect_eq(config_check(&c), ERR_ARGUMENT);
    set(&c, "rerank.kind", "tei");
    cr_expect(reranking_is_remote(&c));
    cr_expect_eq(reranking_check(&c), ERR_ARGUMENT);
    cr_expect(strstr(err_text(), "rerank.url"), "%s", err_text());
    set(&c, "rerank.url", "http://127.0.0.1:1");
    cr_expect_eq(reranking_check(&c), ERR_OK, "%s", err_text());
    set(&c, "rerank.key_env", "RAGD_TEST_NO_SUCH_KEY");
    cr_expect_eq(reranking_key_check(&c), ERR_UNAVAILABLE);
    cr_expect_eq(reranking_open(&r, &c), ERR_UNAVAILABLE);
    cr_expect(strstr(err_text(), "RAGD_TEST_NO_SUCH_KEY"), "%s", err_text());
    cr_expect_eq(config_set(&c, "retrieve.rerank", "lexical", "test"), ERR_OK);
}

Test(reranking, opens_a_server_with_the_key_that_the_environment_holds)
{
    struct config c;
    struct fake_rerank server;
    struct reranker *r = NULL;
    char url[128];

    fake_rerank_start(&server);
    config_defaults(&c);
    set(&c, "rerank.kind", "cohere");
    set(&c, "rerank.model", "fake");
    set(&c, "rerank.url", fake_url(&server.http, "/v2/", url));
    set(&c, "rerank.key_env", "RAGD_TEST_KEY");
    setenv("RAGD_TEST_KEY", "sesame-42", 1);
    cr_assert_eq(reranking_open(&r, &c), ERR_OK, "%s", err_text());
    cr_expect(server.key_was_right);
    cr_expect_str_eq(reranker_info(r)->kind, "cohere");
    reranker_close(r);
    fake_rerank_stop(&server);
}

Test(reranking, opens_a_model_as_it_is_set)
{
    struct config c;
    struct tiny_model m;
    struct reranker *r = NULL;

    tiny_open(&m);
    tiny_make_cross(&m);
    config_defaults(&c);
    set(&c, "rerank.model", m.dir);
    set(&c, "rerank.precision", "bf16");
    set(&c, "rerank.pack", "off");
    set(&c, "rerank.max_tokens", "32");
    cr_assert_eq(reranking_open(&r, &c), ERR_OK, "%s", err_text());
    cr_expect_str_eq(reranker_info(r)->precision, "bf16");
    cr_expect_eq(reranker_info(r)->max_tokens, 32);
    cr_expect_null(reranker_info(r)->pack);
    reranker_close(r);
    tiny_close(&m);
}

Test(reranking, a_model_that_is_to_be_here_is_looked_for)
{
    struct config c;

    config_defaults(&c);
    cr_expect_eq(reranking_model_check(&c), ERR_OK);
    strcpy(c.rerank.model, "/nonexistent");
    cr_expect_eq(reranking_model_check(&c), ERR_UNAVAILABLE);
    strcpy(c.rerank.kind, "cohere");
    cr_expect_eq(reranking_model_check(&c), ERR_OK);
}
