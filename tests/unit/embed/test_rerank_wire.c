#include "embed/rerank_wire.h"

#include <criterion/criterion.h>

#include "base/err.h"

static const struct str texts[] = {{"one \"1\"", 7}, {"two", 3}};

static void expect_ask(const struct rerank_ask *a, const char *want)
{
    struct buf b;

    buf_init(&b);
    rerank_ask_write(a, &b);
    cr_expect_str_eq(b.p, want);
    buf_done(&b);
}

Test(rerank_wire, asks_in_the_form_of_the_server)
{
    struct rerank_ask a = {
        .kind = RERANK_TEI, .model = "m", .question = STR_LIT("q?"), .texts = texts, .n = 2};

    expect_ask(&a, "{\"query\":\"q?\",\"texts\":[\"one \\\"1\\\"\",\"two\"],\"raw_scores\":false,"
                   "\"truncate\":true}");
    a.raw = true;
    a.n = 1;
    expect_ask(&a, "{\"query\":\"q?\",\"texts\":[\"one \\\"1\\\"\"],\"raw_scores\":true,"
                   "\"truncate\":true}");
    a.kind = RERANK_COHERE;
    expect_ask(&a, "{\"model\":\"m\",\"query\":\"q?\",\"documents\":[\"one \\\"1\\\"\"],"
                   "\"top_n\":1}");
    a.model = "";
    expect_ask(&a, "{\"query\":\"q?\",\"documents\":[\"one \\\"1\\\"\"],\"top_n\":1}");
}

Test(rerank_wire, scores_come_in_the_order_of_the_texts)
{
    float v[3] = {7, 7, 7};

    cr_expect_eq(rerank_reply_read(RERANK_TEI,
                                   STR_LIT("[{\"index\":2,\"score\":0.9},{\"index\":0,\"score\":1,"
                                           "\"text\":\"one\"},{\"score\":-3.5,\"index\":1}]"),
                                   3, v),
                 ERR_OK, "%s", err_text());
    cr_expect_eq(v[0], 1);
    cr_expect_eq(v[1], -3.5f);
    cr_expect_eq(v[2], 0.9f);
    cr_expect_eq(rerank_reply_read(RERANK_COHERE,
                                   STR_LIT("{\"id\":\"x\",\"results\":[{\"index\":1,"
                                           "\"relevance_score\":0.25,\"document\":{\"text\":\"t\"}}"
                                           ",{\"index\":0,\"relevance_score\":0.5}],\"meta\":{}}"),
                                   2, v),
                 ERR_OK, "%s", err_text());
    cr_expect_eq(v[0], 0.5f);
    cr_expect_eq(v[1], 0.25f);
}

Test(rerank_wire, anything_else_is_refused_and_leaves_the_scores_alone)
{
    static const struct {
        enum rerank_kind kind;
        const char *reply, *reason;
    } bad[] = {
        {RERANK_TEI, "[{\"index\":0,\"score\":1}]", "1 scores for 2"},
        {RERANK_TEI, "[{\"index\":0,\"score\":1},{\"index\":0,\"score\":1}]", "twice"},
        {RERANK_TEI, "[{\"index\":0,\"score\":1},{\"index\":2,\"score\":1}]", "from 0 to 1"},
        {RERANK_TEI, "[{\"index\":0,\"score\":1},{\"index\":-1,\"score\":1}]", "from 0 to 1"},
        {RERANK_TEI, "[{\"index\":0,\"score\":1},{\"score\":1}]", "from 0 to 1"},
        {RERANK_TEI, "[{\"index\":0,\"score\":1},{\"index\":1,\"score\":\"1\"}]", "not a number"},
        {RERANK_TEI, "[{\"index\":0,\"score\":1},{\"index\":1,\"score\":1e300}]", "finite"},
        {RERANK_TEI, "[{\"index\":0,\"score\":1},{\"index\":1,\"score\":NaN}]", "reply"},
        {RERANK_TEI, "[1,2]", "from 0 to 1"},
        {RERANK_TEI, "{\"results\":[]}", "no list"},
        {RERANK_TEI, "<html>", "reply"},
        {RERANK_COHERE, "[{\"index\":0,\"score\":1},{\"index\":1,\"score\":1}]", "no list"},
        {RERANK_COHERE, "{\"results\":{}}", "no list"},
        {RERANK_COHERE, "{\"results\":[{\"index\":0,\"score\":1},{\"index\":1}]}", "not a number"},
    };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        float v[2] = {7, 7};

        cr_expect_eq(rerank_reply_read(bad[i].kind, str_of(bad[i].reply), 2, v), ERR_FORMAT, "%s",
                     bad[i].reply);
        cr_expect(strstr(err_text(), bad[i].reason), "%s: %s", bad[i].reply, err_text());
        cr_expect_eq(v[0], 7);
        cr_expect_eq(v[1], 7);
    }
}

Test(rerank_wire, a_reply_that_repeats_the_texts_is_within_the_limit)
{
    cr_expect_gt(rerank_reply_max(10, 1000), (size_t)10 * 300 + 6000);
    cr_expect_lt(rerank_reply_max(10, 1000), (size_t)1 << 20);
}
