#include "engine/embedding.h"

#include "support/remote_world.h"

static void ask_for_server(struct config *c, const char *kind, const char *url)
{
    config_defaults(c);
    cr_assert_eq(config_set(c, "embed.kind", kind, "test"), ERR_OK, "%s", err_text());
    cr_assert_eq(config_set(c, "embed.url", url, "test"), ERR_OK, "%s", err_text());
    cr_assert_eq(config_set(c, "embed.model", "fake/words", "test"), ERR_OK);
}

Test(embedding, is_local_unless_a_server_is_configured)
{
    struct config c;

    config_defaults(&c);
    cr_expect(!embedding_is_remote(&c));
    cr_expect_eq(embedding_check(&c), ERR_OK);
    ask_for_server(&c, "tei", "http://127.0.0.1:1");
    cr_expect(embedding_is_remote(&c));
    cr_expect_eq(embedding_check(&c), ERR_OK);
}

Test(embedding, says_what_is_missing)
{
    struct config c;

    ask_for_server(&c, "openai", "");
    cr_expect_eq(embedding_check(&c), ERR_ARGUMENT);
    cr_expect(strstr(err_text(), "embed.url"), "%s", err_text());
    ask_for_server(&c, "openai", "http://127.0.0.1:1");
    c.embed.model[0] = '\0';
    cr_expect_eq(embedding_check(&c), ERR_ARGUMENT);
    cr_expect(strstr(err_text(), "embed.model"), "%s", err_text());
    ask_for_server(&c, "openai", "http://127.0.0.1:1");
    snprintf(c.embed.key_env, sizeof c.embed.key_env, "RAGD_TEST_NO_SUCH_KEY");
    cr_expect_eq(embedding_key_check(&c), ERR_UNAVAILABLE);
    cr_expect(strstr(err_text(), "RAGD_TEST_NO_SUCH_KEY"), "%s", err_text());
    setenv("RAGD_TEST_NO_SUCH_KEY", "x", 1);
    cr_expect_eq(embedding_key_check(&c), ERR_OK);
}

Test(embedding, opens_a_server_with_the_key_that_the_environment_holds)
{
    struct config c;
    struct fake_embed server;
    struct embedder *e = NULL;
    struct remote_stats s;
    char url[128];

    fake_embed_start(&server);
    ask_for_server(&c, "openai", fake_url(&server.http, "/v1/", url));
    snprintf(c.embed.key_env, sizeof c.embed.key_env, "RAGD_TEST_KEY");
    unsetenv("RAGD_TEST_KEY");
    cr_expect_eq(embedding_open(&e, &c, NULL), ERR_UNAVAILABLE);
    setenv("RAGD_TEST_KEY", "sesame-42", 1);
    cr_assert_eq(embedding_open(&e, &c, NULL), ERR_OK, "%s", err_text());
    cr_expect(server.key_was_right);
    cr_expect_str_eq(embedder_info(e)->kind, "openai");
    cr_expect_str_eq(embedder_info(e)->name, "fake/words");
    cr_expect_eq(embedder_info(e)->dim, FAKE_DIM);
    cr_expect(!embedder_info(e)->has_sentences);
    cr_expect_null(embedder_tokenizer(e), "the default model's is another model's");
    cr_expect(embedder_remote_stats(e, &s));
    cr_expect_eq(s.requests, 1);
    embedder_close(e);
    fake_embed_stop(&server);
}

Test(embedding, a_server_that_was_met_before_may_be_away_at_the_start)
{
    struct remote_world r;
    struct digest before, after;
    struct world_reply reply;

    remote_world_open(&r, "openai");
    before = embedder_fingerprint(r.w.engine->embedder);
    world_put(&r.w, "a", "Banks must hold capital of 8 percent.", NULL);
    fake_embed_stop(&r.server);
    world_reopen(&r.w);
    after = embedder_fingerprint(r.w.engine->embedder);
    cr_expect(digest_eq(&before, &after));
    cr_expect(!embedder_info(r.w.engine->embedder)->was_reached);
    world_ask(&r.w, "{\"question\":\"What capital must banks hold?\"}", &reply);
    cr_expect_eq(reply.ans.degraded, DEGRADED_EMBED);
    world_forget(&reply);
    world_close(&r.w);
}

Test(embedding, a_server_that_was_never_met_must_be_there)
{
    struct remote_world r;

    remote_world_prepare(&r, "openai");
    fake_embed_stop(&r.server);
    cr_expect_eq(engine_open(&r.w.engine, &r.w.config), ERR_UNAVAILABLE);
    cr_expect(strstr(err_text(), r.w.config.embed.url), "%s", err_text());
    world_close(&r.w);
}
