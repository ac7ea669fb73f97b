#include "generate/chat.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>

#include "base/err.h"
#include "support/fake_chat.h"

#define KEY  "sesame-42"
#define TEXT "all is well with the fake model"
#define N    2

/* A loop with one client, two models and their servers. */
struct bench {
    struct fake_chat fast, best;
    struct chat_models *models;
    struct chat *chat;
    uv_loop_t loop;
    uv_timer_t alarm;
};

/* One call and what came of it. */
struct told {
    struct bench *b;
    struct chat_run *run; /* NULL once it is over */
    struct buf text;
    int n_tokens, n_done, cancel_at;
    uint64_t start_ns, cancelled_ns;
    struct chat_result r;
    char error[ERR_TEXT_MAX], finish[CHAT_FINISH_MAX];
    struct chat_tried tries[CHAT_TRIED_MAX];
    size_t n_tries;
};

static void bench_open_with(struct bench *b, int64_t first_token_ms, int64_t timeout_ms)
{
    char url[N][128];
    struct chat_model_options o[N];

    memset(b, 0, sizeof *b);
    fake_chat_start(&b->fast);
    fake_chat_start(&b->best);
    b->best.text = "the best answer";
    fake_url(&b->fast.http, "/v1", url[0]);
    fake_url(&b->best.http, "/v1/", url[1]);
    for (int i = 0; i < N; i++)
        o[i] = (struct chat_model_options){.name = i ? "best" : "fast",
                                           .url = url[i],
                                           .model = i ? "large-1" : "small-1",
                                           .key = KEY,
                                           .timeout_ms = timeout_ms,
                                           .first_token_ms = first_token_ms,
                                           .price_in = i ? 10 : 1,
                                           .price_out = i ? 30 : 2};
    cr_assert_eq(chat_models_new(&b->models, o, N), ERR_OK, "%s", err_text());
    uv_loop_init(&b->loop);
    uv_timer_init(&b->loop, &b->alarm);
    b->chat = chat_new(&b->loop, b->models);
}

static void bench_open(struct bench *b)
{
    bench_open_with(b, 5000, 20000);
}

static void bench_close(struct bench *b)
{
    chat_free(b->chat);
    uv_close((uv_handle_t *)&b->alarm, NULL);
    while (uv_run(&b->loop, UV_RUN_DEFAULT)) /* it may have been stopped */
        ;
    cr_expect_eq(uv_loop_close(&b->loop), 0);
    chat_models_free(b->models);
    fake_chat_stop(&b->fast);
    fake_chat_stop(&b->best);
}

static void on_token(void *arg, struct str text)
{
    struct told *t = arg;

    cr_assert(t->run, "a token after the end");
    cr_expect_gt(text.n, 0);
    buf_add_view(&t->text, text);
    if (++t->n_tokens == t->cancel_at) {
        t->cancelled_ns = clock_ns();
        chat_cancel(t->run);
        t->run = NULL;
        uv_stop(&t->b->loop);
    }
}

static void on_done(void *arg, const struct chat_result *r)
{
    struct told *t = arg;

    const struct chat_tried *tries;

    cr_assert(t->run, "done after the end");
    tries = chat_tries(t->run, &t->n_tries);
    for (size_t i = 0; i < t->n_tries; i++)
        t->tries[i] = tries[i];
    t->run = NULL;
    t->n_done++;
    t->r = *r;
    snprintf(t->error, sizeof t->error, "%s", r->error);
    snprintf(t->finish, sizeof t->finish, "%s", r->finish);
    uv_stop(&t->b->loop);
}

/* Nobody has seen it. */
static bool on_cut(void *arg)
{
    struct told *t = arg;

    buf_clear(&t->text);
    return true;
}

struct wish {
    int first; /* of the chain; -1: both, fast first */
    int within_ms;
    bool hedge, unseen;
    const struct trace_context *trace;
    bool record;
};

static void start(struct bench *b, struct wish w, struct told *t)
{
    static const struct chat_message messages[] = {{CHAT_SYSTEM, {"be brief", 8}},
                                                   {CHAT_USER, {"how is it?", 10}}};
    int chain[] = {0, 1};
    struct chat_call call = {.messages = messages,
                             .n = 2,
                             .models = w.first >= 0 ? &w.first : chain,
                             .n_models = w.first >= 0 ? 1 : 2,
                             .temperature = NAN,
                             .max_tokens = 100,
                             .hedge = w.hedge,
                             .trace = w.trace,
                             .record = w.record,
                             .token = on_token,
                             .cut = w.unseen ? on_cut : NULL,
                             .done = on_done,
                             .arg = t};

    t->b = b;
    t->start_ns = clock_ns();
    if (w.within_ms)
        call.until_ns = t->start_ns + (uint64_t)w.within_ms * 1000000;
    buf_init(&t->text);
    t->run = chat_start(b->chat, &call);
    cr_expect_eq(t->n_done, 0, "done came from inside chat_start");
}

static void ring(uv_timer_t *t)
{
    uv_stop(t->loop);
}

static void run_for(struct bench *b, int ms)
{
    uv_update_time(&b->loop);
    uv_timer_start(&b->alarm, ring, (uint64_t)ms, 0);
    while (uv_is_active((uv_handle_t *)&b->alarm))
        uv_run(&b->loop, UV_RUN_DEFAULT);
}

/* The model's server learns of it when it writes next. */
static void expect_left(struct bench *b, int n)
{
    for (int i = 0; i < 1000 && b->fast.n_left < n; i++)
        run_for(b, 30);
    cr_expect_eq(b->fast.n_left, n);
}

static void wait_for(struct bench *b, struct told *t)
{
    uv_update_time(&b->loop);
    uv_timer_start(&b->alarm, ring, 30000, 0);
    while (t->run && uv_is_active((uv_handle_t *)&b->alarm))
        uv_run(&b->loop, UV_RUN_DEFAULT);
    cr_assert_null(t->run, "it never ended");
    uv_timer_stop(&b->alarm);
}

static void ask(struct bench *b, struct wish w, struct told *t)
{
    start(b, w, t);
    wait_for(b, t);
}

static void expect_text(struct told *t, const char *text)
{
    cr_expect_eq(t->r.rc, ERR_OK, "%d: %s", t->r.rc, t->error);
    cr_expect_str_eq(buf_view(&t->text).p, text);
    cr_expect_eq(t->n_done, 1);
    buf_done(&t->text);
}

/* ---- when all is well ---- */

Test(chat, tokens_come_as_they_are_said_and_are_paid_for)
{
    struct bench b;
    struct told t = {0};

    bench_open(&b);
    b.fast.tokens_per_s = 100;
    ask(&b, (struct wish){0}, &t);
    cr_expect_geq(t.n_tokens, 5);
    cr_expect(t.r.complete);
    cr_expect_str_eq(t.finish, "stop");
    cr_expect_eq(t.r.status, 200);
    cr_expect_eq(t.r.i_model, 0);
    cr_expect_eq(t.r.tries, 1);
    cr_expect(t.r.usage_known);
    cr_expect_eq(t.r.prompt_tokens, 1000);
    cr_expect_eq(t.r.completion_tokens, 500);
    cr_expect_float_eq(t.r.cost, (1000 * 1 + 500 * 2) / 1e6, 1e-12);
    cr_expect_gt(t.r.first_token_ns, 0);
    expect_text(&t, TEXT);
    bench_close(&b);
}

Test(chat, the_request_says_what_was_asked)
{
    struct bench b;
    struct told t = {0};

    bench_open(&b);
    ask(&b, (struct wish){.first = 1}, &t);
    cr_expect(b.best.key_was_right);
    cr_expect(strstr(b.best.body, "\"model\":\"large-1\""), "%s", b.best.body);
    cr_expect(strstr(b.best.body, "{\"role\":\"user\",\"content\":\"how is it?\"}"));
    cr_expect(strstr(b.best.body, "\"max_tokens\":100"));
    cr_expect_null(strstr(b.best.body, "temperature"));
    cr_expect_eq(b.fast.http.n_requests, 0);
    expect_text(&t, "the best answer");
    bench_close(&b);
}

Test(chat, many_calls_run_at_once_and_connections_are_used_again)
{
    enum { MANY = 20 };
    struct bench b;
    struct told t[MANY] = {0}, again = {0};
    int n;

    bench_open(&b);
    b.fast.first_token_ms = 30;
    for (int i = 0; i < MANY; i++)
        start(&b, (struct wish){0}, &t[i]);
    for (int i = 0; i < MANY; i++) {
        wait_for(&b, &t[i]);
        expect_text(&t[i], TEXT);
    }
    n = b.fast.http.n_connections;
    run_for(&b, 50);
    ask(&b, (struct wish){0}, &again);
    expect_text(&again, TEXT);
    cr_expect_eq(b.fast.http.n_connections, n);
    bench_close(&b);
}

Test(chat, a_server_that_does_not_stream_is_read_all_the_same)
{
    struct bench b;
    struct told t = {0};

    bench_open(&b);
    fake_chat_fail(&b.fast, CHAT_FAKE_NO_STREAM, 0);
    ask(&b, (struct wish){0}, &t);
    cr_expect_eq(t.n_tokens, 1);
    cr_expect(t.r.complete);
    cr_expect(t.r.usage_known);
    expect_text(&t, TEXT);
    bench_close(&b);
}

Test(chat, missing_usage_and_missing_done_are_no_trouble)
{
    struct bench b;
    struct told usage = {0}, done = {0}, lingers = {0}, length = {0}, finish = {0};

    bench_open(&b);
    fake_chat_fail(&b.fast, CHAT_FAKE_NO_USAGE, 0);
    ask(&b, (struct wish){0}, &usage);
    cr_expect(usage.r.complete);
    cr_expect_not(usage.r.usage_known);
    cr_expect_eq(usage.r.cost, 0);
    expect_text(&usage, TEXT);
    fake_chat_fail(&b.fast, CHAT_FAKE_NO_DONE, 0);
    ask(&b, (struct wish){0}, &done);
    cr_expect(done.r.complete);
    expect_text(&done, TEXT);
    fake_chat_fail(&b.fast, CHAT_FAKE_LINGERS, 0);
    ask(&b, (struct wish){0}, &lingers);
    cr_expect(lingers.r.complete);
    cr_expect_lt(clock_ms_since(lingers.start_ns), 5000);
    expect_text(&lingers, TEXT);
    fake_chat_fail(&b.fast, CHAT_FAKE_NO_FINISH, 0);
    ask(&b, (struct wish){0}, &finish);
    cr_expect_not(finish.r.complete, "nobody said that it is whole");
    expect_text(&finish, TEXT);
    fake_chat_fail(&b.fast, CHAT_FAKE_FINE, 0);
    b.fast.finish = "length";
    ask(&b, (struct wish){0}, &length);
    cr_expect(length.r.complete);
    cr_expect_str_eq(length.finish, "length");
    expect_text(&length, TEXT);
    bench_close(&b);
}

Test(chat, an_answer_cut_by_a_content_filter_is_not_complete)
{
    struct bench b;
    struct told t = {0};

    bench_open(&b);
    b.fast.finish = "content_filter";
    ask(&b, (struct wish){0}, &t);
    cr_expect_not(t.r.complete);
    cr_expect_str_eq(t.finish, "content_filter");
    expect_text(&t, TEXT);
    bench_close(&b);
}

Test(chat, an_empty_answer_is_an_answer)
{
    struct bench b;
    struct told t = {0};

    bench_open(&b);
    b.fast.text = "";
    ask(&b, (struct wish){0}, &t);
    cr_expect_eq(t.n_tokens, 0);
    cr_expect(t.r.complete);
    cr_expect_eq(t.r.first_token_ns, 0);
    expect_text(&t, "");
    bench_close(&b);
}

/* ---- tries ---- */

Test(chat, passing_trouble_before_the_first_token_is_tried_again)
{
    static const enum fake_chat_fault faults[] = {CHAT_FAKE_HANGS_UP, CHAT_FAKE_CUT_FIRST,
                                                  CHAT_FAKE_NOT_HTTP, CHAT_FAKE_ERROR,
                                                  CHAT_FAKE_STATUS};
    struct bench b;

    bench_open(&b);
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        struct told t = {0};

        fake_chat_fail(&b.fast, faults[i], 2);
        ask(&b, (struct wish){0}, &t);
        cr_expect_eq(t.r.tries, 3, "fault %d", (int)faults[i]);
        cr_expect_eq(t.r.i_model, 0);
        cr_expect(t.r.complete);
        expect_text(&t, TEXT);
    }
    bench_close(&b);
}

Test(chat, tries_are_limited_and_then_the_next_model_is_asked)
{
    struct bench b;
    struct told alone = {0}, chain = {0};
    struct chat_model_stats s;

    bench_open(&b);
    b.fast.status = 503;
    fake_chat_fail(&b.fast, CHAT_FAKE_STATUS, 0);
    ask(&b, (struct wish){0}, &alone);
    cr_expect_eq(alone.r.rc, ERR_UNAVAILABLE);
    cr_expect_eq(alone.r.status, 503);
    cr_expect_eq(alone.r.tries, CHAT_TRIES);
    cr_expect(strstr(alone.error, "status 503"), "%s", alone.error);
    cr_expect_eq(alone.n_tokens, 0);
    chat_models_leave(b.models, 0, BREAKER_CALL, CHAT_WORKED, NULL); /* the breaker forgets */
    ask(&b, (struct wish){.first = -1}, &chain);
    cr_expect_eq(chain.r.tries, CHAT_TRIES + 1);
    cr_expect_eq(chain.r.i_model, 1);
    cr_expect_eq(chain.r.status, 200);
    cr_expect_float_eq(chain.r.cost, (1000 * 10 + 500 * 30) / 1e6, 1e-12);
    expect_text(&chain, "the best answer");
    chat_models_stats(b.models, 0, &s);
    cr_expect_eq(s.numbers.counts[CHAT_REQUESTS], 2 * CHAT_TRIES);
    cr_expect_eq(s.numbers.failures[CHAT_FAILURE_SERVER], 2 * CHAT_TRIES);
    cr_expect_eq(s.numbers.counts[CHAT_RETRIES], 2 * (CHAT_TRIES - 1));
    bench_close(&b);
}

Test(chat, a_refused_connection_goes_to_the_next_model)
{
    struct bench b;
    struct told t = {0};
    int port;

    bench_open(&b);
    port = b.fast.http.port;
    fake_chat_stop(&b.fast);
    ask(&b, (struct wish){.first = -1}, &t);
    cr_expect_eq(t.r.i_model, 1);
    expect_text(&t, "the best answer");
    fake_chat_start_on(&b.fast, port);
    bench_close(&b);
}

Test(chat, retry_after_is_honoured_when_it_is_short)
{
    struct bench b;
    struct told t = {0};

    bench_open(&b);
    b.fast.status = 429;
    b.fast.headers = "Retry-After: 1\r\n";
    fake_chat_fail(&b.fast, CHAT_FAKE_STATUS, 1);
    ask(&b, (struct wish){.first = -1}, &t);
    cr_expect_eq(t.r.i_model, 0);
    cr_expect_eq(t.r.tries, 2);
    cr_expect_geq(clock_ms_since(t.start_ns), 990);
    expect_text(&t, TEXT);
    bench_close(&b);
}

Test(chat, a_long_retry_after_is_told_to_who_forced_the_model_and_skipped_by_others)
{
    struct bench b;
    struct told forced = {0}, chain = {0}, hurried = {0};

    bench_open(&b);
    b.fast.status = 429;
    b.fast.headers = "Retry-After: 7\r\n";
    fake_chat_fail(&b.fast, CHAT_FAKE_STATUS, 0);
    ask(&b, (struct wish){0}, &forced);
    cr_expect_eq(forced.r.rc, ERR_UNAVAILABLE);
    cr_expect_eq(forced.r.status, 429);
    cr_expect_eq(forced.r.retry_after_ms, 7000);
    cr_expect_eq(forced.r.tries, 1);
    ask(&b, (struct wish){.first = -1}, &chain);
    cr_expect_eq(chain.r.i_model, 1);
    cr_expect_eq(chain.r.tries, 2);
    cr_expect_eq(chain.r.retry_after_ms, -1);
    expect_text(&chain, "the best answer");
    b.fast.headers = "Retry-After: 1\r\n"; /* but the deadline is sooner */
    ask(&b, (struct wish){.first = -1, .within_ms = 900}, &hurried);
    cr_expect_eq(hurried.r.tries, 2);
    expect_text(&hurried, "the best answer");
    bench_close(&b);
}

Test(chat, a_bad_request_is_final_for_all_and_other_refusals_for_their_model)
{
    static const int others[] = {401, 404, 302, 501};
    struct bench b;
    struct told bad = {0};

    bench_open(&b);
    b.fast.status = 400;
    fake_chat_fail(&b.fast, CHAT_FAKE_STATUS, 0);
    ask(&b, (struct wish){.first = -1}, &bad);
    cr_expect_eq(bad.r.rc, ERR_ARGUMENT);
    cr_expect_eq(bad.r.status, 400);
    cr_expect_eq(bad.r.tries, 1);
    cr_expect(strstr(bad.error, "as told"), "%s", bad.error);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        struct told t = {0};

        b.fast.status = others[i];
        ask(&b, (struct wish){.first = -1}, &t);
        cr_expect_eq(t.r.tries, 2, "status %d", others[i]);
        cr_expect_eq(t.r.i_model, 1);
        expect_text(&t, "the best answer");
    }
    cr_expect_eq(b.best.http.n_requests, (int)(sizeof others / sizeof *others));
    bench_close(&b);
}

Test(chat, nonsense_before_the_first_token_is_not_asked_for_twice)
{
    static const enum fake_chat_fault faults[] = {CHAT_FAKE_GARBAGE, CHAT_FAKE_WRONG_TYPES,
                                                  CHAT_FAKE_NOT_JSON, CHAT_FAKE_LONG_EVENT};
    struct bench b;

    bench_open(&b);
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        struct told forced = {0}, chain = {0};
        bool endless = faults[i] == CHAT_FAKE_LONG_EVENT;

        fake_chat_fail(&b.fast, faults[i], 0);
        ask(&b, (struct wish){0}, &forced);
        cr_expect_eq(forced.r.rc, endless ? ERR_LIMIT : ERR_FORMAT, "%s", forced.error);
        cr_expect_eq(forced.r.tries, 1);
        cr_expect_eq(forced.n_tokens, 0);
        cr_expect(strstr(forced.error, "language model 'fast': "), "%s", forced.error);
        chat_models_leave(b.models, 0, BREAKER_CALL, CHAT_WORKED, NULL);
        ask(&b, (struct wish){.first = -1}, &chain);
        cr_expect_eq(chain.r.tries, 2);
        expect_text(&chain, "the best answer");
        chat_models_leave(b.models, 0, BREAKER_CALL, CHAT_WORKED, NULL);
    }
    bench_close(&b);
}

/* ---- after the first token ---- */

static void expect_partial(enum fake_chat_fault fault, int rc, const char *said)
{
    struct bench b;
    struct told t = {0};

    bench_open_with(&b, 5000, 700);
    b.fast.cut_after = 3;
    fake_chat_fail(&b.fast, fault, 0);
    ask(&b, (struct wish){.first = -1}, &t);
    cr_expect_eq(t.r.rc, rc, "fault %d: %d %s", (int)fault, t.r.rc, t.error);
    cr_expect_str_eq(buf_view(&t.text).p, said);
    cr_expect_not(t.r.complete);
    cr_expect_eq(t.r.tries, 1);
    cr_expect_eq(t.r.i_model, 0);
    cr_expect_eq(t.n_done, 1);
    cr_expect_eq(b.best.http.n_requests, 0, "a token that was handed out is not taken back");
    buf_done(&t.text);
    bench_close(&b);
}

Test(chat, after_the_first_token_nothing_is_tried_again)
{
    expect_partial(CHAT_FAKE_CUT, ERR_UNAVAILABLE, "all is well");
    expect_partial(CHAT_FAKE_GARBAGE, ERR_FORMAT, "all is well");
    expect_partial(CHAT_FAKE_ERROR, ERR_UNAVAILABLE, "all is well");
    expect_partial(CHAT_FAKE_STALLS, ERR_TIMEOUT, "all is well");
}

Test(chat, an_answer_that_broke_off_unseen_is_the_next_models)
{
    static const enum fake_chat_fault faults[] = {CHAT_FAKE_CUT, CHAT_FAKE_GARBAGE,
                                                  CHAT_FAKE_ERROR};
    struct bench b;

    bench_open(&b);
    b.fast.cut_after = 3;
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        struct told chain = {0}, alone = {0};

        fake_chat_fail(&b.fast, faults[i], 0);
        ask(&b, (struct wish){.first = -1, .unseen = true}, &chain);
        cr_expect_eq(chain.r.i_model, 1);
        cr_expect_eq(chain.r.tries, 2);
        cr_expect(chain.r.complete);
        expect_text(&chain, "the best answer");
        ask(&b, (struct wish){.unseen = true}, &alone);
        cr_expect_lt(alone.r.rc, 0);
        cr_expect_str_eq(buf_view(&alone.text).p, "all is well", "there is no other");
        buf_done(&alone.text);
        chat_models_leave(b.models, 0, BREAKER_CALL, CHAT_WORKED, NULL);
    }
    bench_close(&b);
}

Test(chat, an_answer_that_broke_off_unseen_ends_when_nobody_else_is_there)
{
    struct bench b;
    struct told t = {0};

    bench_open(&b);
    b.fast.cut_after = 3;
    fake_chat_fail(&b.fast, CHAT_FAKE_CUT, 0);
    for (int i = 0; i < BREAKER_FAILURES; i++)
        chat_models_leave(b.models, 1, BREAKER_CALL, CHAT_FAILED, "as told");
    ask(&b, (struct wish){.first = -1, .unseen = true}, &t);
    cr_expect_eq(t.r.rc, ERR_UNAVAILABLE);
    cr_expect_eq(t.text.n, 0);
    cr_expect_eq(t.n_done, 1);
    cr_expect_not(t.r.complete);
    buf_done(&t.text);
    bench_close(&b);
}

Test(chat, an_answer_that_never_ends_is_cut_at_the_limit)
{
    struct bench b;
    struct told t = {0};
    static char words[70000];

    bench_open(&b);
    for (size_t i = 0; i < sizeof words - 1; i++)
        words[i] = i % 10000 ? 'w' : ' ';
    b.fast.text = words;
    fake_chat_fail(&b.fast, CHAT_FAKE_ENDLESS, 0);
    ask(&b, (struct wish){.first = -1}, &t);
    cr_expect_eq(t.r.rc, ERR_LIMIT, "%s", t.error);
    cr_expect_gt(t.text.n, (size_t)1 << 19);
    cr_expect_leq(t.text.n, (size_t)1 << 20);
    cr_expect_not(t.r.complete);
    expect_left(&b, 1);
    buf_done(&t.text);
    bench_close(&b);
}

/* ---- time ---- */

Test(chat, a_late_first_token_is_the_next_models_turn)
{
    static const enum fake_chat_fault faults[] = {CHAT_FAKE_SILENT, CHAT_FAKE_NO_TOKEN,
                                                  CHAT_FAKE_CHATTER};

    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        struct bench b;
        struct told t = {0};

        bench_open_with(&b, 150, 20000);
        fake_chat_fail(&b.fast, faults[i], 0);
        ask(&b, (struct wish){.first = -1}, &t);
        cr_expect_eq(t.r.tries, 2);
        cr_expect_eq(t.r.i_model, 1);
        expect_text(&t, "the best answer");
        expect_left(&b, 1);
        bench_close(&b);
    }
}

Test(chat, a_silent_model_alone_is_tried_again_and_then_said_to_be_late)
{
    struct bench b;
    struct told t = {0};

    bench_open_with(&b, 100, 20000);
    fake_chat_fail(&b.fast, CHAT_FAKE_SILENT, 0);
    ask(&b, (struct wish){0}, &t);
    cr_expect_eq(t.r.rc, ERR_TIMEOUT);
    cr_expect_eq(t.r.tries, CHAT_TRIES);
    cr_expect(strstr(t.error, "no first token within 100 ms"), "%s", t.error);
    cr_expect_eq(t.n_done, 1);
    bench_close(&b);
}

Test(chat, the_deadline_bounds_everything_and_is_told_once)
{
    static const enum fake_chat_fault faults[] = {CHAT_FAKE_SILENT, CHAT_FAKE_STALLS,
                                                  CHAT_FAKE_STATUS, CHAT_FAKE_CHATTER};

    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        struct bench b;
        struct told t = {0};

        bench_open(&b);
        b.fast.cut_after = 2;
        b.fast.status = 503;
        b.best.first_token_ms = 30000;
        fake_chat_fail(&b.fast, faults[i], 0);
        ask(&b, (struct wish){.first = -1, .within_ms = 500}, &t);
        cr_expect_eq(t.r.rc, ERR_TIMEOUT, "fault %d: %s", (int)faults[i], t.error);
        cr_expect_lt(clock_ms_since(t.start_ns), 20000, "fault %d: %g ms, %s, %d tries",
                     (int)faults[i], clock_ms_since(t.start_ns), t.error, t.r.tries);
        cr_expect_not(t.r.complete);
        run_for(&b, 100);
        cr_expect_eq(t.n_done, 1);
        buf_done(&t.text);
        bench_close(&b);
    }
}

Test(chat, a_deadline_that_is_over_ends_at_once)
{
    struct bench b;
    struct told t = {0};

    bench_open(&b);
    b.fast.first_token_ms = 3000;
    start(&b, (struct wish){.within_ms = 1}, &t);
    wait_for(&b, &t);
    cr_expect_eq(t.r.rc, ERR_TIMEOUT);
    cr_expect_not(chat_models_is_open(b.models, 0));
    bench_close(&b);
}

static uint64_t failures_of(struct bench *b, size_t i_model, enum chat_failure kind)
{
    struct chat_model_stats s;

    chat_models_stats(b->models, i_model, &s);
    return s.numbers.failures[kind];
}

Test(chat, each_failure_is_counted_by_its_kind)
{
    struct {
        enum fake_chat_fault fault;
        int status;
        enum chat_failure kind;
        uint64_t n;
    } cases[] = {{CHAT_FAKE_STATUS, 429, CHAT_FAILURE_BUSY, CHAT_TRIES},
                 {CHAT_FAKE_STATUS, 400, CHAT_FAILURE_REFUSED, 1},
                 {CHAT_FAKE_HANGS_UP, 200, CHAT_FAILURE_UNREACHED, CHAT_TRIES},
                 {CHAT_FAKE_GARBAGE, 200, CHAT_FAILURE_REPLY, 1},
                 {CHAT_FAKE_SILENT, 200, CHAT_FAILURE_TIMEOUT, CHAT_TRIES}};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bench b;
        struct told t = {0};

        bench_open_with(&b, 50, 20000);
        b.fast.status = cases[i].status;
        fake_chat_fail(&b.fast, cases[i].fault, 0);
        ask(&b, (struct wish){0}, &t);
        for (int kind = 0; kind < N_CHAT_FAILURES; kind++)
            cr_expect_eq(failures_of(&b, 0, (enum chat_failure)kind),
                         kind == (int)cases[i].kind ? cases[i].n : 0, "case %zu, kind %s: %s", i,
                         chat_failure_name((enum chat_failure)kind), t.error);
        buf_done(&t.text);
        bench_close(&b);
    }
}

/* ---- nobody listens ---- */

Test(chat, a_cancelled_call_is_silent_and_its_connection_closed)
{
    struct bench b;
    struct told waiting = {0}, talking = {.cancel_at = 2};
    struct chat_model_stats s;

    bench_open(&b);
    fake_chat_fail(&b.fast, CHAT_FAKE_SILENT, 0);
    start(&b, (struct wish){0}, &waiting);
    run_for(&b, 50);
    cr_assert(waiting.run);
    waiting.cancelled_ns = clock_ns();
    chat_cancel(waiting.run);
    waiting.run = NULL;
    expect_left(&b, 1);
    fake_chat_fail(&b.fast, CHAT_FAKE_FINE, 0);
    b.fast.tokens_per_s = 20;
    start(&b, (struct wish){0}, &talking);
    wait_for(&b, &talking);
    expect_left(&b, 2);
    cr_expect_str_eq(talking.text.p, "all is");
    cr_expect_eq(waiting.n_done + talking.n_done, 0);
    chat_models_stats(b.models, 0, &s);
    cr_expect_eq(s.numbers.counts[CHAT_CANCELLED], 2);
    cr_expect_eq(s.numbers.failures[CHAT_FAILURE_TIMEOUT], 0, "it is no failure of the model");
    buf_done(&talking.text);
    bench_close(&b);
}

Test(chat, a_call_can_be_cancelled_at_once_or_between_tries)
{
    struct bench b;
    struct told at_once = {0}, between = {0};

    bench_open(&b);
    start(&b, (struct wish){0}, &at_once);
    chat_cancel(at_once.run);
    fake_chat_fail(&b.fast, CHAT_FAKE_HANGS_UP, 0);
    start(&b, (struct wish){0}, &between);
    run_for(&b, 30);
    cr_assert(between.run);
    chat_cancel(between.run);
    run_for(&b, 300);
    cr_expect_eq(at_once.n_done + between.n_done, 0);
    bench_close(&b);
}

/* ---- the breaker ---- */

Test(chat, five_failures_open_the_breaker_and_a_working_probe_closes_it)
{
    struct bench b;
    struct told t[3] = {0}, refused = {0}, chain = {0}, back = {0};

    bench_open(&b);
    fake_chat_fail(&b.fast, CHAT_FAKE_HANGS_UP, 0);
    ask(&b, (struct wish){0}, &t[0]);
    ask(&b, (struct wish){0}, &t[1]);
    cr_expect(chat_models_is_open(b.models, 0));
    cr_expect_eq(t[1].r.rc, ERR_UNAVAILABLE);
    ask(&b, (struct wish){0}, &refused);
    cr_expect_eq(refused.r.tries, 0);
    cr_expect_eq(refused.r.rc, ERR_UNAVAILABLE);
    cr_expect(strstr(refused.error, "'fast' failed 5 times in a row"), "%s", refused.error);
    ask(&b, (struct wish){.first = -1}, &chain);
    cr_expect_eq(chain.r.tries, 1);
    expect_text(&chain, "the best answer");
    fake_chat_fail(&b.fast, CHAT_FAKE_FINE, 0);
    run_for(&b, BREAKER_WAIT_MS + 50);
    ask(&b, (struct wish){0}, &back);
    expect_text(&back, TEXT);
    cr_expect_not(chat_models_is_open(b.models, 0));
    bench_close(&b);
}

Test(chat, streams_that_are_cut_open_the_breaker_too)
{
    struct bench b;

    bench_open(&b);
    b.fast.cut_after = 1;
    fake_chat_fail(&b.fast, CHAT_FAKE_CUT, 0);
    for (int i = 0; i < BREAKER_FAILURES; i++) {
        struct told t = {0};

        cr_expect_not(chat_models_is_open(b.models, 0));
        ask(&b, (struct wish){0}, &t);
        buf_done(&t.text);
    }
    cr_expect(chat_models_is_open(b.models, 0));
    bench_close(&b);
}

Test(chat, refusals_and_impatient_callers_do_not_open_the_breaker)
{
    struct bench b;

    bench_open(&b);
    b.fast.status = 401;
    for (int i = 0; i < 2 * BREAKER_FAILURES; i++) {
        struct told t = {0};

        fake_chat_fail(&b.fast, i % 2 ? CHAT_FAKE_STATUS : CHAT_FAKE_SILENT, 0);
        ask(&b, (struct wish){.within_ms = 20}, &t);
        cr_expect_neq(t.r.rc, ERR_OK);
    }
    cr_expect_not(chat_models_is_open(b.models, 0));
    bench_close(&b);
}

Test(chat, a_probe_whose_asker_leaves_lets_the_next_one_through)
{
    struct bench b;
    struct told t = {0}, back = {0};

    bench_open(&b);
    for (int i = 0; i < BREAKER_FAILURES; i++)
        chat_models_leave(b.models, 0, BREAKER_CALL, CHAT_FAILED, "as told");
    run_for(&b, BREAKER_WAIT_MS + 50);
    b.fast.first_token_ms = 200;
    start(&b, (struct wish){0}, &t);
    run_for(&b, 20);
    chat_cancel(t.run);
    b.fast.first_token_ms = 0;
    ask(&b, (struct wish){0}, &back);
    expect_text(&back, TEXT);
    cr_expect_not(chat_models_is_open(b.models, 0));
    bench_close(&b);
}

/* ---- hedging ---- */

static void learn(struct bench *b, int ms)
{
    for (int i = 0; i < CHAT_OBSERVED_MIN; i++)
        chat_models_first_token(b->models, 0, ms);
}

Test(chat, a_late_request_is_sent_once_more_and_the_first_token_wins)
{
    struct bench b;
    struct told t = {0};
    struct chat_model_stats s;

    bench_open(&b);
    learn(&b, 10);
    b.fast.late_first = 1;
    ask(&b, (struct wish){.hedge = true}, &t);
    cr_expect(t.r.hedged);
    cr_expect_eq(t.r.tries, 2);
    cr_expect(t.r.complete);
    cr_expect_geq(t.r.first_token_ns, CHAT_HEDGE_MIN_MS * 1000000ull);
    expect_text(&t, TEXT);
    expect_left(&b, 1); /* the one that lost is cancelled */
    cr_expect_eq(b.fast.http.n_requests, 2);
    chat_models_stats(b.models, 0, &s);
    cr_expect_eq(s.numbers.counts[CHAT_HEDGES], 1);
    cr_expect_eq(s.numbers.counts[CHAT_HEDGES_WON], 1);
    cr_expect_eq(s.numbers.times[CHAT_TIME_FIRST_TOKEN].n, 1, "the loser's was not seen");
    cr_expect_eq(s.numbers.times[CHAT_TIME_ANSWER].n, 1);
    cr_expect_eq(s.numbers.counts[CHAT_RETRIES], 0);
    bench_close(&b);
}

Test(chat, the_first_request_may_win_against_its_hedge)
{
    struct bench b;
    struct told t = {0};

    bench_open(&b);
    learn(&b, 10);
    b.fast.first_token_ms = 90;
    ask(&b, (struct wish){.hedge = true}, &t);
    cr_expect(t.r.hedged);
    expect_text(&t, TEXT);
    expect_left(&b, 1);
    bench_close(&b);
}

Test(chat, a_hedge_carries_on_when_the_first_request_fails)
{
    struct bench b;
    struct told t = {0};

    bench_open(&b);
    learn(&b, 10);
    b.fast.first_token_ms = 120;
    fake_chat_fail(&b.fast, CHAT_FAKE_HANGS_UP, 1);
    ask(&b, (struct wish){.hedge = true}, &t);
    cr_expect_eq(t.r.tries, 2);
    cr_expect(t.r.hedged);
    expect_text(&t, TEXT);
    bench_close(&b);
}

Test(chat, nothing_is_hedged_unasked_untaught_or_twice)
{
    struct bench b;
    struct told untaught = {0}, unasked = {0}, once = {0};

    bench_open_with(&b, 300, 20000);
    b.fast.first_token_ms = 80;
    ask(&b, (struct wish){.hedge = true}, &untaught);
    cr_expect_not(untaught.r.hedged);
    learn(&b, 10);
    ask(&b, (struct wish){0}, &unasked);
    cr_expect_not(unasked.r.hedged);
    fake_chat_fail(&b.fast, CHAT_FAKE_SILENT, 0);
    ask(&b, (struct wish){.hedge = true}, &once);
    cr_expect(once.r.hedged);
    cr_expect_eq(once.r.tries, CHAT_TRIES + 1);
    buf_done(&untaught.text);
    buf_done(&unasked.text);
    bench_close(&b);
}

/* ---- for a trace ---- */

static const struct trace_context traced = {.trace_id = {1}, .span_id = {2}, .sampled = true};

Test(chat, each_try_is_recorded_with_its_time_and_why_it_failed)
{
    struct bench b;
    struct told t = {0};

    bench_open(&b);
    b.fast.fault = CHAT_FAKE_STATUS;
    b.fast.status = 503;
    b.fast.headers = "";
    b.fast.fail_first = 1;
    ask(&b, (struct wish){.trace = &traced, .record = true}, &t);
    cr_assert_eq(t.n_tries, 2);
    cr_expect_eq(t.tries[0].rc, ERR_UNAVAILABLE);
    cr_expect_eq(t.tries[0].status, 503);
    cr_expect(*t.tries[0].error);
    cr_expect_eq(t.tries[0].first_token_ns, 0);
    cr_expect_eq(t.tries[0].resends, 0);
    cr_expect_leq(t.tries[0].end_ns, t.tries[1].start_ns);
    cr_expect_eq(t.tries[1].rc, ERR_OK);
    cr_expect_eq(t.tries[1].resends, 1);
    cr_expect(t.tries[1].usage_known);
    cr_expect_eq(t.tries[1].prompt_tokens, t.r.prompt_tokens);
    cr_expect_str_eq(t.tries[1].finish, "stop");
    cr_expect_leq(t.tries[1].start_ns, t.tries[1].first_token_ns);
    cr_expect_leq(t.tries[1].first_token_ns, t.tries[1].end_ns);
    cr_expect_eq(memcmp(t.tries[0].context.trace_id, traced.trace_id, TRACE_ID_BYTES), 0);
    cr_expect_neq(memcmp(t.tries[0].context.span_id, t.tries[1].context.span_id, SPAN_ID_BYTES), 0);
    expect_text(&t, b.fast.text);
    bench_close(&b);
}

Test(chat, a_model_that_is_too_late_is_recorded_as_that)
{
    struct bench b;
    struct told t = {0};

    bench_open_with(&b, 100, 20000);
    b.fast.fault = CHAT_FAKE_SILENT;
    ask(&b, (struct wish){.first = -1, .trace = &traced, .record = true}, &t);
    cr_assert_eq(t.n_tries, 2);
    cr_expect_eq(t.tries[0].rc, ERR_TIMEOUT);
    cr_expect_not(t.tries[0].cancelled);
    cr_expect(strstr(t.tries[0].error, "no first token"), "%s", t.tries[0].error);
    cr_expect_eq(t.tries[1].i_model, 1);
    expect_text(&t, b.best.text);
    bench_close(&b);
}

Test(chat, nothing_is_recorded_unasked)
{
    struct bench b;
    struct told t = {0};

    bench_open(&b);
    ask(&b, (struct wish){.trace = &traced}, &t);
    cr_expect_eq(t.n_tries, 0);
    expect_text(&t, b.fast.text);
    bench_close(&b);
}
