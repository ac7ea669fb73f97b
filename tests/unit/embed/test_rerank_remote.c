#include "embed/rerank_remote.h"

#include <criterion/criterion.h>
#include <math.h>

#include "net/breaker.h"
#include "net/upstream.h"
#include "support/fake_rerank.h"

#define KEY "sesame-42"
#define N   5

static const char *const words[N] = {"capital ratio", "the cat", "a capital", "ratio", "nothing"};

struct bench {
    struct fake_rerank server;
    struct rerank_remote_options o;
    struct rerank_remote *r;
    char url[128];
    struct str texts[N];
    float scores[N];
};

static void bench_prepare(struct bench *b, enum rerank_kind kind)
{
    memset(b, 0, sizeof *b);
    fake_rerank_start(&b->server);
    b->o = (struct rerank_remote_options){
        .kind = kind,
        .url = fake_url(&b->server.http, kind == RERANK_TEI ? "" : "/v2/", b->url),
        .model = kind == RERANK_TEI ? "" : "rerank-x",
        .timeout_ms = 2000,
        .batch = 32};
    for (size_t i = 0; i < N; i++)
        b->texts[i] = str_of(words[i]);
}

static void bench_open(struct bench *b, enum rerank_kind kind)
{
    bench_prepare(b, kind);
    cr_assert_eq(rerank_remote_open(&b->r, &b->o), ERR_OK, "%s", err_text());
}

static void bench_close(struct bench *b)
{
    rerank_remote_close(b->r);
    fake_rerank_stop(&b->server);
}

static int score(struct bench *b, bool raw, int64_t within_ms)
{
    struct rerank_remote_call call = {.question = STR_LIT("capital ratio?"),
                                      .texts = b->texts,
                                      .n = N,
                                      .raw = raw,
                                      .within_ms = within_ms};

    return rerank_remote_score(b->r, &call, b->scores);
}

static void expect_right(const struct bench *b)
{
    for (size_t i = 0; i < N; i++)
        cr_expect_float_eq(b->scores[i], fake_score("capital ratio?", words[i]), 1e-5, "%zu", i);
}

Test(rerank_remote, speaks_text_embeddings_inference)
{
    struct bench b;

    bench_open(&b, RERANK_TEI);
    cr_expect(rerank_remote_was_reached(b.r));
    cr_expect_eq(score(&b, false, 0), ERR_OK, "%s", err_text());
    expect_right(&b);
    cr_expect_eq(score(&b, true, 0), ERR_OK, "%s", err_text());
    cr_expect_float_eq(b.scores[0], fake_score("capital ratio?", words[0]) * 10 - 5, 1e-4);
    cr_expect_str_eq(rerank_remote_model(b.r), rerank_remote_url(b.r), "it has no other name");
    bench_close(&b);
}

Test(rerank_remote, speaks_cohere_and_has_no_raw_scores_there)
{
    struct bench b;

    bench_open(&b, RERANK_COHERE);
    cr_expect_eq(score(&b, false, 0), ERR_OK, "%s", err_text());
    expect_right(&b);
    cr_expect(b.server.asked_model);
    cr_expect_str_eq(rerank_remote_model(b.r), "rerank-x");
    cr_expect_eq(score(&b, true, 0), ERR_UNSUPPORTED);
    bench_close(&b);
}

Test(rerank_remote, sends_batches_and_cuts_what_is_endless)
{
    struct bench b;
    char *big;

    bench_prepare(&b, RERANK_TEI);
    b.o.batch = 2;
    big = mem_calloc(1, 2 * RERANK_TEXT_BYTES + 1);
    memset(big, 'x', 2 * RERANK_TEXT_BYTES);
    b.texts[4] = str_of(big);
    cr_assert_eq(rerank_remote_open(&b.r, &b.o), ERR_OK, "%s", err_text());
    b.server.http.n_requests = 0;
    cr_expect_eq(score(&b, false, 0), ERR_OK, "%s", err_text());
    cr_expect_eq(b.server.http.n_requests, 3);
    cr_expect_eq(b.server.texts_max, 2);
    cr_expect_eq(b.server.bytes_max, RERANK_TEXT_BYTES);
    cr_expect_float_eq(b.scores[2], fake_score("capital ratio?", words[2]), 1e-5);
    mem_free(big);
    bench_close(&b);
}

Test(rerank_remote, when_the_time_is_over_the_first_texts_have_their_scores)
{
    struct bench b;

    bench_prepare(&b, RERANK_TEI);
    b.o.batch = 1;
    cr_assert_eq(rerank_remote_open(&b.r, &b.o), ERR_OK, "%s", err_text());
    b.server.slow_ms = 120;
    cr_expect_eq(score(&b, false, 300), ERR_TIMEOUT, "%s", err_text());
    cr_expect_float_eq(b.scores[0], fake_score("capital ratio?", words[0]), 1e-5);
    cr_expect(isnan(b.scores[4]));
    bench_close(&b);
}

Test(rerank_remote, sends_its_key_and_never_tells_it)
{
    struct bench b;

    bench_prepare(&b, RERANK_COHERE);
    b.o.key = KEY;
    cr_assert_eq(rerank_remote_open(&b.r, &b.o), ERR_OK, "%s", err_text());
    cr_expect(b.server.key_was_right);
    b.server.fault = RERANK_401;
    cr_expect_eq(score(&b, false, 0), ERR_UNAVAILABLE);
    cr_expect(strstr(err_text(), "rerank.key_env"), "%s", err_text());
    cr_expect_null(strstr(err_text(), KEY), "%s", err_text());
    bench_close(&b);
}

/* R8: each fault is told as what it is, within the time, and nothing of it is taken for a score. */
Test(rerank_remote, every_fault_is_an_error_in_time_and_no_score)
{
    for (int fault = RERANK_SILENT; fault < N_RERANK_FAULTS; fault++) {
        struct bench b;
        int64_t start;
        int rc;

        bench_prepare(&b, fault % 2 ? RERANK_TEI : RERANK_COHERE);
        b.o.timeout_ms = 400;
        cr_assert_eq(rerank_remote_open(&b.r, &b.o), ERR_OK, "%s", err_text());
        b.server.fault = (enum rerank_fault)fault;
        start = upstream_now_ms();
        rc = score(&b, false, 0);
        cr_expect(rc == ERR_UNAVAILABLE || rc == ERR_TIMEOUT, "fault %d: %d", fault, rc);
        cr_expect_lt(upstream_now_ms() - start, 3000, "fault %d", fault);
        cr_expect(strstr(err_text(), "reranking server"), "fault %d: %s", fault, err_text());
        for (size_t i = 0; i < N; i++)
            cr_expect(isnan(b.scores[i]), "fault %d", fault);
        bench_close(&b);
    }
}

Test(rerank_remote, a_server_that_is_away_is_opened_and_found_when_it_comes)
{
    struct bench b;
    struct upstream_stats s;

    bench_prepare(&b, RERANK_TEI);
    b.server.fault = RERANK_500;
    b.o.timeout_ms = 300;
    cr_assert_eq(rerank_remote_open(&b.r, &b.o), ERR_OK, "%s", err_text());
    cr_expect_not(rerank_remote_was_reached(b.r));
    cr_expect(strstr(err_text(), "500"), "%s", err_text());
    do {
        cr_expect_lt(score(&b, false, 0), 0);
        rerank_remote_stats(b.r, &s);
    } while (!s.open);
    b.server.fault = RERANK_FINE;
    cr_expect_eq(score(&b, false, 0), ERR_UNAVAILABLE, "it is left alone");
    usleep((BREAKER_WAIT_MS + 100) * 1000);
    cr_expect_eq(score(&b, false, 0), ERR_OK, "%s", err_text());
    expect_right(&b);
    bench_close(&b);
}

Test(rerank_remote, what_cannot_be_a_server_is_refused_before_it_is_asked)
{
    struct rerank_remote_options o = {.kind = RERANK_TEI, .url = "", .timeout_ms = 1, .batch = 1};
    struct rerank_remote *r = NULL;

    cr_expect_eq(rerank_remote_open(&r, &o), ERR_ARGUMENT);
    cr_expect(strstr(err_text(), "rerank.url"), "%s", err_text());
    o.url = "ftp://host";
    cr_expect_eq(rerank_remote_check(&o), ERR_ARGUMENT);
    cr_expect_null(r);
}

Test(rerank_remote, the_fingerprint_is_the_models_name_wherever_it_is_served)
{
    struct bench a, b;
    struct digest one, other;

    bench_open(&a, RERANK_COHERE);
    bench_open(&b, RERANK_COHERE);
    one = rerank_remote_fingerprint(a.r);
    other = rerank_remote_fingerprint(b.r);
    cr_expect(digest_eq(&one, &other));
    bench_close(&a);
    bench_close(&b);
    bench_open(&a, RERANK_TEI);
    bench_open(&b, RERANK_TEI);
    one = rerank_remote_fingerprint(a.r);
    other = rerank_remote_fingerprint(b.r);
    cr_expect_not(digest_eq(&one, &other), "without a name it is the URL");
    bench_close(&a);
    bench_close(&b);
}
