#include "embed/remote.h"

#include <criterion/criterion.h>

#include "base/clock.h"
#include "base/err.h"
#include "embed/embedder.h"
#include "net/upstream.h"
#include "support/fake_embed.h"

#define KEY "sesame-42"

struct bench {
    struct fake_embed server;
    struct remote_options o;
    struct remote *r;
    char url[128];
};

static void bench_prepare(struct bench *b, enum remote_kind kind)
{
    fake_embed_start(&b->server);
    b->o = (struct remote_options){.kind = kind,
                                   .url = fake_url(&b->server.http, "", b->url),
                                   .model = kind == REMOTE_OPENAI ? "fake/words" : "",
                                   .timeout_ms = 10000,
                                   .batch = 64};
    b->r = NULL;
}

static void bench_open(struct bench *b, enum remote_kind kind)
{
    bench_prepare(b, kind);
    cr_assert_eq(remote_open(&b->r, &b->o), ERR_OK, "%s", err_text());
}

static void bench_close(struct bench *b)
{
    remote_close(b->r);
    fake_embed_stop(&b->server);
}

/* n different texts; text i says so. */
static struct str *some_texts(size_t n)
{
    struct str *texts = mem_calloc(n, sizeof *texts);

    for (size_t i = 0; i < n; i++) {
        char text[64];

        snprintf(text, sizeof text, "number %zu of word%zu", i, i % 7);
        texts[i] = str_of(mem_strdup(text));
    }
    return texts;
}

static void free_texts(struct str *texts, size_t n)
{
    for (size_t i = 0; i < n; i++)
        mem_free((char *)(uintptr_t)texts[i].p);
    mem_free(texts);
}

static void expect_vector_of(const char *text, const float *v)
{
    float want[FAKE_DIM];
    double length = 0;

    fake_vector(text, FAKE_DIM, want);
    for (int i = 0; i < FAKE_DIM; i++)
        length += (double)want[i] * want[i];
    for (int i = 0; i < FAKE_DIM; i++)
        cr_assert_float_eq(v[i], want[i] / sqrt(length), 1e-5, "%s, %d", text, i);
}

/* Asks for n texts, which must come out right. */
static void expect_right(struct bench *b, size_t n)
{
    struct str *texts = some_texts(n);
    float *v = mem_calloc(n * FAKE_DIM, sizeof *v);

    cr_assert_eq(remote_embed(b->r, texts, n, 0, v), ERR_OK, "%s", err_text());
    for (size_t i = 0; i < n; i++)
        expect_vector_of(texts[i].p, v + i * FAKE_DIM);
    mem_free(v);
    free_texts(texts, n);
}

static int embed_one(struct bench *b, int64_t within_ms)
{
    static const struct str text = {"one", 3};
    float v[FAKE_DIM];

    return remote_embed(b->r, &text, 1, within_ms, v);
}

/* ---- right answers ---- */

Test(remote, speaks_openai)
{
    struct bench b;

    bench_open(&b, REMOTE_OPENAI);
    cr_expect_eq(remote_info(b.r)->dim, FAKE_DIM);
    cr_expect_str_eq(remote_info(b.r)->kind, "openai");
    cr_expect_str_eq(remote_info(b.r)->model, "fake/words");
    cr_expect(remote_info(b.r)->was_reached);
    expect_right(&b, 5);
    cr_expect(b.server.asked_base64);
    cr_expect(!b.server.asked_dimensions);
    cr_expect_null(remote_tokenizer(b.r));
    bench_close(&b);
}

Test(remote, speaks_text_embeddings_inference_and_believes_its_info)
{
    struct bench b;

    bench_open(&b, REMOTE_TEI);
    cr_expect_str_eq(remote_info(b.r)->kind, "tei");
    cr_expect_str_eq(remote_info(b.r)->model, "fake/words");
    cr_expect_eq(remote_info(b.r)->max_tokens, 256);
    cr_expect_eq(remote_info(b.r)->batch, 32);
    expect_right(&b, 100);
    cr_expect_leq(b.server.texts_max, 32);
    bench_close(&b);
}

Test(remote, splits_batches_and_puts_them_together_in_order)
{
    struct bench b;

    bench_prepare(&b, REMOTE_OPENAI);
    b.o.batch = 8;
    b.server.reversed = true;
    cr_assert_eq(remote_open(&b.r, &b.o), ERR_OK, "%s", err_text());
    b.server.http.n_requests = 0;
    expect_right(&b, 61);
    cr_expect_eq(b.server.texts_max, 8);
    cr_expect_eq(b.server.http.n_requests, 8);
    cr_expect_leq(b.server.http.n_connections, REMOTE_AT_ONCE);
    cr_expect_eq(remote_embed(b.r, NULL, 0, 0, NULL), ERR_OK, "none is nothing");
    bench_close(&b);
}

Test(remote, asks_for_numbers_when_the_server_refuses_base64)
{
    struct bench b;

    bench_prepare(&b, REMOTE_OPENAI);
    fake_embed_fail(&b.server, FAKE_NO_BASE64, 0);
    cr_assert_eq(remote_open(&b.r, &b.o), ERR_OK, "%s", err_text());
    expect_right(&b, 3);
    cr_expect(!b.server.asked_base64);
    bench_close(&b);
}

Test(remote, asks_for_the_dimension_that_is_configured_and_insists_on_it)
{
    struct bench b;

    bench_prepare(&b, REMOTE_OPENAI);
    b.o.dimensions = FAKE_DIM;
    cr_assert_eq(remote_open(&b.r, &b.o), ERR_OK, "%s", err_text());
    cr_expect(b.server.asked_dimensions);
    remote_close(b.r);
    b.o.dimensions = FAKE_DIM / 2;
    b.r = NULL;
    cr_expect_eq(remote_open(&b.r, &b.o), ERR_UNAVAILABLE);
    cr_expect(strstr(err_text(), "32 dimensions instead of 16"), "%s", err_text());
    bench_close(&b);
}

Test(remote, sends_its_key_and_never_tells_it)
{
    struct bench b;

    bench_prepare(&b, REMOTE_OPENAI);
    b.o.key = KEY;
    cr_assert_eq(remote_open(&b.r, &b.o), ERR_OK, "%s", err_text());
    cr_expect(b.server.key_was_right);
    fake_embed_fail(&b.server, FAKE_401, 0);
    cr_expect_eq(embed_one(&b, 0), ERR_UNAVAILABLE);
    cr_expect(strstr(err_text(), "401"), "%s", err_text());
    cr_expect(strstr(err_text(), b.url), "%s", err_text());
    cr_expect_null(strstr(err_text(), KEY), "%s", err_text());
    bench_close(&b);
}

Test(remote, puts_prefixes_before_texts_and_has_no_vectors_of_sentences)
{
    struct bench b;
    struct arena *mem = arena_new(0);
    struct span span = {0, 4};
    float vector[FAKE_DIM], spans[FAKE_DIM] = {7};
    struct embed_item item = {.text = STR_LIT("cash"),
                              .spans = &span,
                              .n_spans = 1,
                              .vector = vector,
                              .span_vectors = spans};
    float *v;

    bench_prepare(&b, REMOTE_OPENAI);
    b.o.query_prefix = "query: ";
    b.o.document_prefix = "passage: ";
    cr_assert_eq(remote_open(&b.r, &b.o), ERR_OK, "%s", err_text());
    cr_assert_eq(remote_query(b.r, STR_LIT("cash"), 0, mem, &v), ERR_OK, "%s", err_text());
    expect_vector_of("query: cash", v);
    cr_assert_eq(remote_documents(b.r, &item, 1), ERR_OK, "%s", err_text());
    expect_vector_of("passage: cash", vector);
    cr_expect_eq(spans[0], 0);
    cr_expect(!item.cut);
    arena_free(mem);
    bench_close(&b);
}

Test(remote, cuts_a_text_to_what_the_model_takes)
{
    struct bench b;
    struct buf text;
    float vector[FAKE_DIM];
    struct embed_item item = {.vector = vector};

    bench_prepare(&b, REMOTE_OPENAI);
    b.o.max_tokens = 12; /* ten and a frame */
    cr_assert_eq(remote_open(&b.r, &b.o), ERR_OK, "%s", err_text());
    buf_init(&text);
    for (int i = 0; i < 100; i++)
        buf_add_str(&text, "an ox ");
    item.text = buf_view(&text);
    cr_assert_eq(remote_documents(b.r, &item, 1), ERR_OK, "%s", err_text());
    cr_expect(item.cut);
    expect_vector_of("an ox an ox an ox an ox an ox", vector);
    buf_done(&text);
    bench_close(&b);
}

/* ---- questions at the same time ---- */

#define N_ASKERS 20

struct asking {
    struct bench *b;
    char text[32];
    float vector[FAKE_DIM];
    int rc;
    char reason[ERR_TEXT_MAX];
    pthread_t thread;
};

static void *ask_main(void *arg)
{
    struct asking *a = arg;
    struct arena *mem = arena_new(0);
    float *v;

    a->rc = remote_query(a->b->r, str_of(a->text), 0, mem, &v);
    snprintf(a->reason, sizeof a->reason, "%s", err_text());
    if (a->rc == ERR_OK)
        memcpy(a->vector, v, sizeof a->vector);
    arena_free(mem);
    return NULL;
}

static size_t n_waiting(struct bench *b)
{
    struct remote_stats s;

    remote_stats_get(b->r, &s);
    return s.waiting;
}

/* All ask while the server answers nobody, one of them something that it refuses if `bad`. Returns
 * how many requests there were. */
static int ask_together(struct bench *b, struct asking *askers, bool bad)
{
    b->server.texts_max = 0;
    b->server.http.n_requests = 0;
    b->server.holds = "";
    for (int i = 0; i < N_ASKERS; i++) {
        struct asking *a = &askers[i];

        *a = (struct asking){.b = b};
        snprintf(a->text, sizeof a->text, i == 9 && bad ? "poison" : "question %d", i);
        cr_assert_eq(pthread_create(&a->thread, NULL, ask_main, a), 0);
        while (b->server.http.n_requests <= i && i < REMOTE_QUESTION_CALLS)
            usleep(1000);
    }
    while (n_waiting(b) < 2 && b->server.http.n_requests == REMOTE_QUESTION_CALLS)
        usleep(1000);
    b->server.holds = NULL;
    for (int i = 0; i < N_ASKERS; i++)
        pthread_join(askers[i].thread, NULL);
    return b->server.http.n_requests;
}

Test(remote, questions_that_wait_share_a_request)
{
    struct bench b;
    struct asking askers[N_ASKERS];
    int n;

    bench_open(&b, REMOTE_OPENAI);
    n = ask_together(&b, askers, false);
    cr_expect_lt(n, N_ASKERS);
    cr_expect_gt(b.server.texts_max, 1);
    for (int i = 0; i < N_ASKERS; i++) {
        cr_assert_eq(askers[i].rc, ERR_OK, "%s", askers[i].reason);
        expect_vector_of(askers[i].text, askers[i].vector);
    }
    bench_close(&b);
}

Test(remote, a_question_that_is_refused_fails_no_other)
{
    struct bench b;
    struct asking askers[N_ASKERS];

    bench_open(&b, REMOTE_TEI);
    fake_embed_fail(&b.server, FAKE_REFUSES_WORD, 0);
    ask_together(&b, askers, true);
    for (int i = 0; i < N_ASKERS; i++) {
        if (strcmp(askers[i].text, "poison") == 0) {
            cr_expect_eq(askers[i].rc, ERR_UNAVAILABLE);
            cr_expect(strstr(askers[i].reason, "I do not like this"), "%s", askers[i].reason);
            continue;
        }
        cr_assert_eq(askers[i].rc, ERR_OK, "%s", askers[i].reason);
        expect_vector_of(askers[i].text, askers[i].vector);
    }
    bench_close(&b);
}

static void *embed_many(void *arg)
{
    expect_right(arg, 32);
    return NULL;
}

Test(remote, questions_do_not_wait_for_documents)
{
    struct bench b;
    struct asking question = {.b = &b, .text = "a question"};
    pthread_t documents;

    bench_prepare(&b, REMOTE_OPENAI);
    b.o.batch = 2;
    cr_assert_eq(remote_open(&b.r, &b.o), ERR_OK, "%s", err_text());
    b.server.http.n_requests = 0;
    b.server.holds = "number"; /* of some_texts */
    cr_assert_eq(pthread_create(&documents, NULL, embed_many, &b), 0);
    while (b.server.http.n_requests < REMOTE_AT_ONCE)
        usleep(1000);
    ask_main(&question);
    cr_expect_eq(question.rc, ERR_OK, "%s", question.reason);
    b.server.holds = NULL;
    pthread_join(documents, NULL);
    bench_close(&b);
}

/* ---- names ---- */

static struct digest name_of(const char *model, size_t dim, const char *prefix)
{
    return remote_fingerprint_of(
        &(struct remote_options){.model = model, .document_prefix = prefix}, dim);
}

Test(remote, is_known_by_model_dimension_and_prefixes_not_by_its_address)
{
    struct bench a, b;
    struct digest x = name_of("m", 8, NULL), y = name_of("m", 8, ""), other;

    cr_expect(digest_eq(&x, &y));
    other = name_of("n", 8, NULL);
    cr_expect(!digest_eq(&x, &other));
    other = name_of("m", 9, NULL);
    cr_expect(!digest_eq(&x, &other));
    other = name_of("m", 8, "passage: ");
    cr_expect(!digest_eq(&x, &other));
    bench_open(&a, REMOTE_OPENAI);
    bench_open(&b, REMOTE_TEI);
    x = remote_fingerprint(a.r);
    y = remote_fingerprint(b.r);
    cr_expect(digest_eq(&x, &y), "the same model behind another address and in another shape");
    bench_close(&a);
    bench_close(&b);
}

Test(remote, refuses_a_server_with_another_model)
{
    struct bench b;

    bench_prepare(&b, REMOTE_TEI);
    b.o.model = "wanted/model";
    cr_expect_eq(remote_open(&b.r, &b.o), ERR_UNAVAILABLE);
    cr_expect(strstr(err_text(), "'fake/words', not 'wanted/model'"), "%s", err_text());
    bench_close(&b);
}

Test(remote, says_which_setting_is_missing)
{
    struct remote_options o = {.kind = REMOTE_OPENAI, .timeout_ms = 1000, .batch = 1};
    struct remote *r;

    cr_expect_eq(remote_open(&r, &o), ERR_ARGUMENT);
    cr_expect(strstr(err_text(), "embed.url"), "%s", err_text());
    o.url = "http://127.0.0.1:1";
    cr_expect_eq(remote_open(&r, &o), ERR_ARGUMENT);
    cr_expect(strstr(err_text(), "embed.model"), "%s", err_text());
    o.model = "m";
    o.url = "gopher://127.0.0.1";
    cr_expect_eq(remote_open(&r, &o), ERR_ARGUMENT);
}

/* ---- tries ---- */

Test(remote, tries_again_after_503_and_succeeds)
{
    struct bench b;
    struct remote_stats s;

    bench_open(&b, REMOTE_OPENAI);
    fake_embed_fail(&b.server, FAKE_500, 2);
    expect_right(&b, 1);
    remote_stats_get(b.r, &s);
    cr_expect_eq(s.retries, 2);
    cr_expect_eq(s.failures, 2);
    cr_expect(!s.open);
    fake_embed_fail(&b.server, FAKE_HANGS_UP, 1);
    expect_right(&b, 1);
    bench_close(&b);
}

Test(remote, gives_up_after_four_tries)
{
    struct bench b;

    bench_open(&b, REMOTE_OPENAI);
    b.server.http.n_requests = 0;
    fake_embed_fail(&b.server, FAKE_500, 0);
    cr_expect_eq(embed_one(&b, 0), ERR_UNAVAILABLE);
    cr_expect_eq(b.server.http.n_requests, UPSTREAM_TRIES);
    cr_expect(strstr(err_text(), "status 500"), "%s", err_text());
    bench_close(&b);
}

Test(remote, does_not_try_again_what_was_refused_for_good)
{
    struct bench b;
    static const enum fake_fault final[] = {FAKE_401, FAKE_REDIRECT, FAKE_NOT_JSON, FAKE_WRONG_DIM};

    bench_open(&b, REMOTE_OPENAI);
    for (size_t i = 0; i < sizeof final / sizeof *final; i++) {
        b.server.http.n_requests = 0;
        fake_embed_fail(&b.server, final[i], 0);
        cr_expect_eq(embed_one(&b, 0), ERR_UNAVAILABLE);
        cr_expect_eq(b.server.http.n_requests, 1, "%d", final[i]);
    }
    bench_close(&b);
}

Test(remote, waits_as_long_as_the_server_asks)
{
    struct bench b;
    uint64_t start;

    bench_open(&b, REMOTE_OPENAI);
    b.server.fail_headers = "Retry-After: 1\r\n";
    fake_embed_fail(&b.server, FAKE_429, 1);
    start = clock_ns();
    expect_right(&b, 1);
    cr_expect_geq(clock_ms_since(start), 1000);
    bench_close(&b);
}

Test(remote, does_not_wait_when_the_server_asks_for_more_than_there_is)
{
    struct bench b;
    uint64_t start;

    bench_open(&b, REMOTE_OPENAI);
    b.server.fail_headers = "Retry-After: 3600\r\n";
    fake_embed_fail(&b.server, FAKE_429, 0);
    start = clock_ns();
    cr_expect_eq(embed_one(&b, 0), ERR_UNAVAILABLE);
    cr_expect_lt(clock_ms_since(start), 9000);
    cr_expect(strstr(err_text(), "status 429"), "%s", err_text());
    bench_close(&b);
}

/* ---- faults ---- */

/* Every way to fail is an error within the time given, with room for a slow machine. */
static void expect_error_in_time(struct bench *b, enum fake_fault fault)
{
    uint64_t start = clock_ns();
    int rc;

    fake_embed_fail(&b->server, fault, 0);
    rc = embed_one(b, 0);
    cr_expect(rc == ERR_UNAVAILABLE || rc == ERR_TIMEOUT, "fault %d: %d", fault, rc);
    cr_expect_lt(clock_ms_since(start), 4500, "fault %d", fault);
    cr_expect(strstr(err_text(), b->url), "fault %d: %s", fault, err_text());
}

Test(remote, every_fault_is_an_error_in_time)
{
    for (enum remote_kind kind = REMOTE_OPENAI; kind <= REMOTE_TEI; kind++)
        for (enum fake_fault fault = FAKE_SILENT; fault <= FAKE_REDIRECT; fault++) {
            struct bench b;

            if (fault == FAKE_NAN && kind == REMOTE_TEI)
                continue; /* JSON has none */
            bench_prepare(&b, kind);
            b.o.timeout_ms = 300;
            for (int i = 0; i < 20 && remote_open(&b.r, &b.o) != ERR_OK; i++)
                cr_assert_lt(i, 19, "%s", err_text()); /* a loaded machine may be slow */
            expect_error_in_time(&b, fault);
            bench_close(&b);
        }
}

Test(remote, a_caller_with_less_time_waits_less)
{
    struct bench b;
    uint64_t start;

    bench_open(&b, REMOTE_OPENAI);
    fake_embed_fail(&b.server, FAKE_SILENT, 0);
    start = clock_ns();
    cr_expect_eq(embed_one(&b, 100), ERR_TIMEOUT);
    cr_expect_lt(clock_ms_since(start), 5000);
    bench_close(&b);
}

Test(remote, one_bad_batch_fails_the_call_and_leaves_the_output_alone)
{
    struct bench b;
    struct str *texts = some_texts(64);
    float *v = mem_calloc(64 * FAKE_DIM, sizeof *v);

    mem_free((char *)(uintptr_t)texts[40].p);
    texts[40] = str_of(mem_strdup("poison"));
    bench_prepare(&b, REMOTE_OPENAI);
    b.o.batch = 8;
    cr_assert_eq(remote_open(&b.r, &b.o), ERR_OK, "%s", err_text());
    fake_embed_fail(&b.server, FAKE_REFUSES_WORD, 0);
    cr_expect_eq(remote_embed(b.r, texts, 64, 0, v), ERR_UNAVAILABLE);
    cr_expect(strstr(err_text(), "I do not like this"), "%s", err_text());
    for (size_t i = 0; i < 64 * FAKE_DIM; i++)
        cr_assert_eq(v[i], 0);
    mem_free(v);
    free_texts(texts, 64);
    bench_close(&b);
}

/* ---- the breaker ---- */

static void fail_until_open(struct bench *b)
{
    struct remote_stats s = {0};

    for (int i = 0; i < 5 && !s.open; i++) {
        cr_expect_lt(embed_one(b, 0), 0);
        remote_stats_get(b->r, &s);
    }
    cr_assert(s.open);
}

Test(remote, leaves_a_server_alone_after_five_failures)
{
    struct bench b;
    struct remote_stats s;

    bench_open(&b, REMOTE_OPENAI);
    fake_embed_fail(&b.server, FAKE_NOT_JSON, 0);
    for (int i = 0; i < 4; i++)
        cr_expect_lt(embed_one(&b, 0), 0);
    remote_stats_get(b.r, &s);
    cr_expect(!s.open);
    cr_expect_lt(embed_one(&b, 0), 0);
    remote_stats_get(b.r, &s);
    cr_expect(s.open);
    b.server.http.n_requests = 0;
    cr_expect_eq(embed_one(&b, 0), ERR_UNAVAILABLE);
    cr_expect_eq(b.server.http.n_requests, 0);
    cr_expect(strstr(err_text(), "not valid JSON"), "it says what was wrong: %s", err_text());
    bench_close(&b);
}

Test(remote, statuses_of_the_callers_making_do_not_open_the_breaker)
{
    struct bench b;
    struct remote_stats s;

    bench_open(&b, REMOTE_OPENAI);
    b.server.fail_headers = "Retry-After: 3600\r\n";
    for (int i = 0; i < 12; i++) {
        fake_embed_fail(&b.server, i % 2 ? FAKE_401 : FAKE_429, 0);
        cr_expect_lt(embed_one(&b, 0), 0);
    }
    fake_embed_fail(&b.server, FAKE_SILENT, 0);
    for (int i = 0; i < 6; i++)
        cr_expect_eq(embed_one(&b, 20), ERR_TIMEOUT, "a deadline of 20 ms blames nobody");
    remote_stats_get(b.r, &s);
    cr_expect(!s.open);
    bench_close(&b);
}

Test(remote, comes_back_within_ten_seconds_of_the_server)
{
    struct bench b;
    uint64_t start;

    bench_open(&b, REMOTE_OPENAI);
    fake_embed_fail(&b.server, FAKE_500, 0);
    fail_until_open(&b);
    b.server.fault = FAKE_FINE;
    start = clock_ns();
    while (embed_one(&b, 0) < 0 && clock_ms_since(start) < 20000)
        usleep(20000);
    cr_expect_lt(clock_ms_since(start), 10000);
    expect_right(&b, 3);
    bench_close(&b);
}

Test(remote, looks_at_the_model_again_when_the_server_comes_back)
{
    struct bench b;
    uint64_t start;

    bench_open(&b, REMOTE_TEI);
    fake_embed_fail(&b.server, FAKE_NOT_JSON, 0);
    fail_until_open(&b);
    b.server.model = "other/model";
    b.server.fault = FAKE_FINE;
    start = clock_ns();
    while (embed_one(&b, 0) < 0 && clock_ms_since(start) < 10000 &&
           !strstr(err_text(), "'other/model', not 'fake/words'"))
        usleep(20000);
    cr_expect(strstr(err_text(), "'other/model', not 'fake/words'"), "%s", err_text());
    cr_expect_eq(embed_one(&b, 0), ERR_UNAVAILABLE);
    bench_close(&b);
}

/* ---- starting without the server ---- */

Test(remote, opens_without_its_server_when_nothing_of_it_is_unknown)
{
    struct bench b;
    int port;
    struct digest with, without;

    bench_open(&b, REMOTE_TEI);
    with = remote_fingerprint(b.r);
    port = b.server.http.port;
    bench_close(&b);
    b.r = NULL;
    cr_expect_eq(remote_open(&b.r, &b.o), ERR_UNAVAILABLE, "the model's name is unknown");
    b.o.model = "fake/words";
    cr_expect_eq(remote_open(&b.r, &b.o), ERR_UNAVAILABLE, "its dimension is unknown");
    b.o.known_dim = FAKE_DIM;
    cr_assert_eq(remote_open(&b.r, &b.o), ERR_OK, "%s", err_text());
    cr_expect(!remote_info(b.r)->was_reached);
    without = remote_fingerprint(b.r);
    cr_expect(digest_eq(&with, &without));
    cr_expect_eq(embed_one(&b, 0), ERR_UNAVAILABLE);
    fake_embed_start_on(&b.server, port);
    while (embed_one(&b, 0) < 0)
        usleep(50000); /* the breaker may have opened */
    expect_right(&b, 40);
    cr_expect_leq(b.server.texts_max, 32, "it has been asked for its limits since");
    bench_close(&b);
}

Test(remote, a_server_that_refuses_is_told_at_the_start)
{
    struct bench b;

    bench_prepare(&b, REMOTE_OPENAI);
    b.o.dimensions = FAKE_DIM;
    fake_embed_fail(&b.server, FAKE_401, 0);
    cr_expect_eq(remote_open(&b.r, &b.o), ERR_UNAVAILABLE);
    cr_expect(strstr(err_text(), "embed.key_env"), "%s", err_text());
    bench_close(&b);
}
