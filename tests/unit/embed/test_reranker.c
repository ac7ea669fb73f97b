#include "embed/reranker.h"

#include <criterion/criterion.h>
#include <math.h>

#include "base/clock.h"
#include "embed/rerank_remote.h"
#include "net/upstream.h"
#include "support/fake_rerank.h"
#include "unit/embed/tiny_model.h"

static const struct str texts[] = {{"a b c", 5}, {"z", 1}, {"", 0}};

Test(reranker, a_local_score_is_the_sigmoid_of_the_raw_one)
{
    struct tiny_model m;
    struct reranker *r = NULL;
    struct reranker_options o = {.precision = "f32", .pack = "off"};
    struct rerank_call call = {.question = STR_LIT("a z"), .texts = texts, .n = 3};
    float scores[3], raw[3];

    tiny_open(&m);
    tiny_make_cross(&m);
    o.model_dir = m.dir;
    cr_assert_eq(reranker_open(&r, &o), ERR_OK, "%s", err_text());
    cr_expect_str_eq(reranker_info(r)->kind, "local");
    cr_expect_str_eq(reranker_info(r)->name, strrchr(m.dir, '/') + 1);
    cr_expect_str_eq(reranker_info(r)->precision, "f32");
    cr_expect_eq(reranker_info(r)->max_tokens, 64);
    cr_expect_eq(reranker_info(r)->n_layers, 2);
    cr_expect_null(reranker_info(r)->url);
    cr_expect_not(reranker_remote_stats(r, NULL));
    cr_expect_eq(reranker_count(r, texts[0]), 3);
    cr_expect_eq(reranker_info(r)->n_frame, 3);
    cr_assert_eq(reranker_score(r, &call, scores), ERR_OK, "%s", err_text());
    call.raw = true;
    cr_assert_eq(reranker_score(r, &call, raw), ERR_OK, "%s", err_text());
    for (size_t i = 0; i < 3; i++)
        cr_expect_float_eq(scores[i], 1 / (1 + exp(-(double)raw[i])), 1e-6, "%zu", i);
    call.until_ns = 1;
    cr_assert_eq(reranker_score(r, &call, raw), ERR_OK, "%s", err_text());
    cr_expect(isnan(raw[0]), "there was no time");
    reranker_close(r);
    tiny_close(&m);
}

Test(reranker, a_server_scores_as_it_likes_and_within_the_time)
{
    struct fake_rerank server;
    struct rerank_remote_options remote = {
        .kind = RERANK_TEI, .model = "fake", .timeout_ms = 5000, .batch = 8};
    struct reranker_options o = {.remote = &remote};
    struct rerank_call call = {.question = STR_LIT("a z"), .texts = texts, .n = 3};
    struct reranker *r = NULL;
    struct upstream_stats stats;
    char url[128];
    float scores[3];
    uint64_t start;

    fake_rerank_start(&server);
    remote.url = fake_url(&server.http, "", url);
    cr_assert_eq(reranker_open(&r, &o), ERR_OK, "%s", err_text());
    cr_expect_str_eq(reranker_info(r)->kind, "tei");
    cr_expect_str_eq(reranker_info(r)->name, "fake");
    cr_expect(reranker_info(r)->was_reached);
    cr_expect_eq(reranker_count(r, texts[0]), 0, "the server counts");
    cr_assert_eq(reranker_score(r, &call, scores), ERR_OK, "%s", err_text());
    cr_expect_float_eq(scores[1], fake_score("a z", "z"), 1e-5);
    server.fault = RERANK_SILENT;
    start = clock_ns();
    call.until_ns = start + 200 * (uint64_t)1000000;
    cr_expect_eq(reranker_score(r, &call, scores), ERR_TIMEOUT, "%s", err_text());
    cr_expect_lt(clock_ms_since(start), 2000);
    cr_expect(reranker_remote_stats(r, &stats));
    cr_expect_eq(stats.requests, 3);
    reranker_close(r);
    fake_rerank_stop(&server);
}

Test(reranker, what_cannot_be_opened_says_why)
{
    struct reranker *r = NULL;
    struct reranker_options o = {.model_dir = "/nonexistent", .precision = "f32", .pack = "off"};

    cr_expect_lt(reranker_open(&r, &o), 0);
    cr_expect(strstr(err_text(), "/nonexistent"), "%s", err_text());
    cr_expect_null(r);
}
