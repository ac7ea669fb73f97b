#include "generate/chat_try.h"

#include <criterion/criterion.h>
#include <stdio.h>

#include "support/fake_chat.h"

#define KEY "sesame-42"

/* One request to one server, and what came of it. */
struct bench {
    struct fake_chat server;
    struct chat_model model;
    char url[128];
    uv_loop_t loop;
    struct http_async *http;
    struct chat_try attempt;
    struct buf text;
    int n_tokens, n_ends, cancel_at;
};

static void on_token(void *arg, struct str text)
{
    struct bench *b = arg;

    buf_add_view(&b->text, text);
    if (++b->n_tokens == b->cancel_at) {
        chat_try_cancel(&b->attempt);
        uv_stop(&b->loop);
    }
}

static void on_end(void *arg)
{
    struct bench *b = arg;

    b->n_ends++;
    uv_stop(&b->loop);
}

static void bench_open(struct bench *b)
{
    memset(b, 0, sizeof *b);
    fake_chat_start(&b->server);
    fake_url(&b->server.http, "/v1/chat/completions", b->url);
    b->model = (struct chat_model){.name = "fast",
                                   .model = "small",
                                   .key = KEY,
                                   .url = b->url,
                                   .shown = b->url,
                                   .timeout_ms = 10000,
                                   .first_token_ms = 10000};
    uv_loop_init(&b->loop);
    b->http = http_async_new(&b->loop);
    b->attempt.model = &b->model;
    b->attempt.token = on_token;
    b->attempt.end = on_end;
    b->attempt.arg = b;
}

static void bench_close(struct bench *b)
{
    chat_try_done(&b->attempt);
    http_async_free(b->http);
    while (uv_run(&b->loop, UV_RUN_DEFAULT)) /* it may have been stopped */
        ;
    cr_expect_eq(uv_loop_close(&b->loop), 0);
    fake_chat_stop(&b->server);
    buf_done(&b->text);
}

static void ask(struct bench *b, enum fake_chat_fault fault)
{
    fake_chat_fail(&b->server, fault, 0);
    buf_clear(&b->text);
    b->n_tokens = b->n_ends = 0;
    chat_try_start(&b->attempt, b->http, STR_LIT("{\"stream\":true}"));
    cr_expect(b->attempt.running);
    uv_run(&b->loop, UV_RUN_DEFAULT);
    cr_expect_not(b->attempt.running);
}

Test(chat_try, a_stream_gives_tokens_finish_and_usage)
{
    struct bench b;

    bench_open(&b);
    ask(&b, CHAT_FAKE_FINE);
    cr_expect_eq(b.attempt.rc, ERR_OK, "%s", b.attempt.error);
    cr_expect_eq(b.n_tokens, 7);
    cr_expect_str_eq(b.text.p, b.server.text);
    cr_expect(b.attempt.complete);
    cr_expect_str_eq(b.attempt.reply.finish, "stop");
    cr_expect_eq(b.attempt.reply.prompt_tokens, 1000);
    cr_expect(b.server.key_was_right);
    bench_close(&b);
}

Test(chat_try, it_may_be_started_anew_and_remembers_nothing)
{
    struct bench b;

    bench_open(&b);
    ask(&b, CHAT_FAKE_GARBAGE);
    cr_expect_eq(b.attempt.rc, ERR_FORMAT);
    ask(&b, CHAT_FAKE_FINE);
    cr_expect_eq(b.attempt.rc, ERR_OK, "%s", b.attempt.error);
    cr_expect_not(b.attempt.failed);
    cr_expect_str_eq(b.attempt.error, "");
    cr_expect_str_eq(b.text.p, b.server.text);
    bench_close(&b);
}

Test(chat_try, cancelled_by_a_token_it_does_not_end)
{
    struct bench b;

    bench_open(&b);
    b.cancel_at = 2;
    ask(&b, CHAT_FAKE_FINE);
    cr_expect_str_eq(b.text.p, "all is");
    cr_expect_eq(b.n_ends, 0);
    ask(&b, CHAT_FAKE_NO_STREAM); /* one token only */
    cr_expect_eq(b.n_ends, 1);
    b.cancel_at = 1;
    ask(&b, CHAT_FAKE_NO_STREAM);
    cr_expect_eq(b.n_ends, 0);
    bench_close(&b);
}

struct case_ {
    enum fake_chat_fault fault;
    int status, rc;
    bool again, failed;
    const char *reason;
};

/* What can be tried again, and what the breaker is told. */
Test(chat_try, every_fault_has_its_code_its_reason_and_its_consequence)
{
    static const struct case_ cases[] = {
        {CHAT_FAKE_HANGS_UP, 0, ERR_UNAVAILABLE, true, true, "language model '"},
        {CHAT_FAKE_CUT_FIRST, 0, ERR_UNAVAILABLE, true, true, "language model '"},
        {CHAT_FAKE_CUT, 0, ERR_UNAVAILABLE, true, true, "language model '"},
        {CHAT_FAKE_NOT_HTTP, 0, ERR_UNAVAILABLE, true, true, "language model '"},
        {CHAT_FAKE_ERROR, 0, ERR_UNAVAILABLE, true, true, "the fake model broke"},
        {CHAT_FAKE_GARBAGE, 0, ERR_FORMAT, false, true, "not valid JSON"},
        {CHAT_FAKE_WRONG_TYPES, 0, ERR_FORMAT, false, true, "'choices'"},
        {CHAT_FAKE_NOT_JSON, 0, ERR_FORMAT, false, true, "not valid JSON"},
        {CHAT_FAKE_LONG_EVENT, 0, ERR_LIMIT, false, true, "longer than the limit"},
        {CHAT_FAKE_STATUS, 400, ERR_ARGUMENT, false, false, "status 400: as told"},
        {CHAT_FAKE_STATUS, 422, ERR_ARGUMENT, false, false, "status 422"},
        {CHAT_FAKE_STATUS, 401, ERR_UNAVAILABLE, false, false, "llm.key_env"},
        {CHAT_FAKE_STATUS, 429, ERR_UNAVAILABLE, true, false, "status 429"},
        {CHAT_FAKE_STATUS, 500, ERR_UNAVAILABLE, true, true, "status 500"},
        {CHAT_FAKE_STATUS, 501, ERR_UNAVAILABLE, false, true, "status 501"},
        {CHAT_FAKE_STATUS, 302, ERR_UNAVAILABLE, false, false, "redirects"},
        {CHAT_FAKE_STATUS, 201, ERR_UNAVAILABLE, false, false, "status 201"},
    };
    struct bench b;

    bench_open(&b);
    b.server.cut_after = 2;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct case_ *c = &cases[i];

        b.server.status = c->status;
        ask(&b, c->fault);
        cr_expect_eq(b.attempt.rc, c->rc, "case %zu: %d", i, b.attempt.rc);
        cr_expect_eq(b.attempt.again, c->again, "case %zu", i);
        cr_expect_eq(b.attempt.failed, c->failed, "case %zu", i);
        cr_expect(strstr(b.attempt.error, c->reason), "case %zu: %s", i, b.attempt.error);
        cr_expect_null(strstr(b.attempt.error, "127.0.0.1"), "case %zu: %s", i, b.attempt.error);
        cr_expect_null(strchr(b.attempt.error, '{'), "case %zu: %s", i, b.attempt.error);
        cr_expect_null(strstr(b.attempt.fault, "as told"), "case %zu: %s", i, b.attempt.fault);
        cr_expect_null(strstr(b.attempt.fault, "the fake"), "case %zu: %s", i, b.attempt.fault);
        cr_expect_neq(*b.attempt.fault, '\0', "case %zu", i);
        cr_expect_eq(b.n_ends, 1);
        cr_expect_not(b.attempt.complete);
    }
    bench_close(&b);
}

Test(chat_try, retry_after_is_kept)
{
    struct bench b;

    bench_open(&b);
    b.server.status = 429;
    b.server.headers = "Retry-After: 7\r\n";
    ask(&b, CHAT_FAKE_STATUS);
    cr_expect_eq(b.attempt.status, 429);
    cr_expect_eq(b.attempt.retry_after_ms, 7000);
    ask(&b, CHAT_FAKE_FINE);
    cr_expect_eq(b.attempt.retry_after_ms, -1);
    bench_close(&b);
}

Test(chat_try, words_of_the_servers_are_shown_plain_and_without_the_key)
{
    struct bench b;

    bench_open(&b);
    b.server.text = "a \x1b[31mred\n";
    b.server.cut_after = 0;
    ask(&b, CHAT_FAKE_ERROR);
    for (const char *p = b.attempt.error; *p; p++)
        cr_expect_geq(*p, ' ');
    b.model.key = "the fake model"; /* as if it were repeated */
    ask(&b, CHAT_FAKE_ERROR);
    cr_expect_null(strstr(b.attempt.error, "the fake model"), "%s", b.attempt.error);
    bench_close(&b);
}

Test(chat_try, time_is_limited_from_start_to_end)
{
    struct bench b;

    bench_open(&b);
    b.model.timeout_ms = 200;
    b.server.cut_after = 1;
    ask(&b, CHAT_FAKE_STALLS);
    cr_expect_eq(b.attempt.rc, ERR_TIMEOUT);
    cr_expect_not(b.attempt.again);
    cr_expect(b.attempt.failed);
    cr_expect_str_eq(b.text.p, "all");
    bench_close(&b);
}
