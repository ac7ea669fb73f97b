#include "net/http_async.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/err.h"
#include "support/fake_http.h"

#define KEY "sesame-42"

/* A server that answers by path, and when it saw a client leave. */
struct place {
    struct fake_http f;
    atomic_int n_left;
    atomic_int key_was_right;
    pthread_mutex_t mu; /* guards the field below */
    struct buf request;
};

static void chunk(int fd, const char *text)
{
    char line[128];

    snprintf(line, sizeof line, "%zx\r\n%s\r\n", strlen(text), text);
    fake_text(fd, line);
}

static bool stream(struct place *p, int fd, struct str head)
{
    fake_text(fd, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                  "Transfer-Encoding: chunked\r\n\r\n");
    if (str_starts(head, STR_LIT("POST /stream ")))
        fake_wait(&p->f, fd, 20);
    chunk(fd, "one ");
    fake_wait(&p->f, fd, 20);
    chunk(fd, "two");
    if (str_starts(head, STR_LIT("POST /cut ")))
        return false;
    if (str_starts(head, STR_LIT("POST /hangs ")))
        fake_wait(&p->f, fd, 30000);
    while (str_starts(head, STR_LIT("POST /endless ")) && !p->f.stopping) {
        struct pollfd left = {fd, POLLRDHUP, 0};

        chunk(fd, "more and more and more and more and more and more and more");
        if (poll(&left, 1, 0) > 0)
            break;
    }
    fake_wait(&p->f, fd, 1);
    fake_text(fd, "0\r\n\r\n");
    return true;
}

static bool answer(struct fake_http *f, int fd, int i, struct str head, struct str body)
{
    struct place *p = f->arg;
    struct pollfd left = {fd, POLLRDHUP, 0};
    bool on = true;

    (void)i;
    if (memmem(head.p, head.n, "Authorization: Bearer " KEY "\r\n", 33))
        p->key_was_right++;
    pthread_mutex_lock(&p->mu);
    buf_clear(&p->request);
    buf_add_view(&p->request, head);
    buf_add_view(&p->request, body);
    pthread_mutex_unlock(&p->mu);
    if (str_starts(head, STR_LIT("POST /plain ")))
        fake_reply(fd, 200, "Content-Type: application/json\r\n", "{}");
    else if (str_starts(head, STR_LIT("POST /empty ")))
        fake_reply(fd, 204, "", "");
    else if (str_starts(head, STR_LIT("POST /busy ")))
        fake_reply(fd, 429, "Retry-After: 7\r\n", "later");
    else if (str_starts(head, STR_LIT("POST /moved ")))
        fake_reply(fd, 302, "Location: /plain\r\n", "");
    else if (str_starts(head, STR_LIT("POST /silent ")))
        fake_wait(f, fd, 30000);
    else if (str_starts(head, STR_LIT("POST /noise ")))
        fake_text(fd, "220 mail.example ESMTP\r\n\r\n"), on = false;
    else if (str_starts(head, STR_LIT("POST /head ")))
        for (int n = 0; n < 3000 && poll(&left, 1, 0) == 0; n++)
            fake_text(fd, n ? "X-More: more and more and more\r\n" : "HTTP/1.1 200 OK\r\n");
    else
        on = stream(p, fd, head);
    if (poll(&left, 1, 0) > 0)
        p->n_left++;
    return on;
}

struct bench {
    uv_loop_t loop;
    struct http_async *h;
    struct place p;
    uv_timer_t alarm;
};

/* ---- asking ---- */

struct asked {
    uv_loop_t *loop;
    struct http_async_run *run; /* NULL once it is done or cancelled */
    struct buf text;
    char type[64];
    int status, n_heads, n_data, n_done, rc, cancel_at_data;
    int64_t retry_after_ms;
    char error[ERR_TEXT_MAX];
    struct asked *cancels; /* at the first data */
};

static void on_head(void *arg, int status, const char *type, int64_t retry_after_ms)
{
    struct asked *a = arg;

    a->n_heads++;
    a->status = status;
    a->retry_after_ms = retry_after_ms;
    snprintf(a->type, sizeof a->type, "%s", type);
}

static void cancel(struct asked *a)
{
    http_async_cancel(a->run);
    a->run = NULL;
    uv_stop(a->loop);
}

static void on_data(void *arg, struct str bytes)
{
    struct asked *a = arg;

    cr_assert(a->run, "data after the end");
    cr_expect_eq(a->n_heads, 1);
    if (++a->n_data == a->cancel_at_data)
        cancel(a);
    if (a->cancels && a->cancels->run)
        cancel(a->cancels);
    buf_add_view(&a->text, bytes); /* still there */
}

static void on_done(void *arg, int rc)
{
    struct asked *a = arg;

    cr_assert(a->run, "done after the end");
    a->run = NULL;
    uv_stop(a->loop);
    a->n_done++;
    a->rc = rc;
    snprintf(a->error, sizeof a->error, "%s", rc < 0 ? err_text() : "");
}

static void ask_url(struct bench *b, const char *url, int64_t total_ms, struct asked *a)
{
    struct http_async_call call = {.url = url,
                                   .key = KEY,
                                   .body = STR_LIT("{\"a\":1}"),
                                   .accept = "text/event-stream",
                                   .connect_ms = 1000,
                                   .total_ms = total_ms,
                                   .head = on_head,
                                   .data = on_data,
                                   .done = on_done,
                                   .arg = a};

    buf_init(&a->text);
    a->loop = &b->loop;
    a->run = http_async_start(b->h, &call);
    cr_expect_eq(a->n_done, 0);
}

/* ---- a loop with one client and one server ---- */

static void bench_open(struct bench *b)
{
    memset(b, 0, sizeof *b);
    uv_loop_init(&b->loop);
    uv_timer_init(&b->loop, &b->alarm);
    b->h = http_async_new(&b->loop);
    pthread_mutex_init(&b->p.mu, NULL);
    buf_init(&b->p.request);
    fake_start(&b->p.f, answer, &b->p);
}

static void bench_close(struct bench *b)
{
    http_async_free(b->h);
    uv_close((uv_handle_t *)&b->alarm, NULL);
    while (uv_run(&b->loop, UV_RUN_DEFAULT)) /* it may have been stopped */
        ;
    cr_expect_eq(uv_loop_close(&b->loop), 0);
    fake_stop(&b->p.f);
    buf_done(&b->p.request);
}

static void ring(uv_timer_t *t)
{
    uv_stop(t->loop);
}

/* Whatever ends stops the loop, so that it never sleeps on what has come. */
static void run_for(struct bench *b, int ms)
{
    uv_update_time(&b->loop);
    uv_timer_start(&b->alarm, ring, (uint64_t)ms, 0);
    while (uv_is_active((uv_handle_t *)&b->alarm))
        uv_run(&b->loop, UV_RUN_DEFAULT);
}

static void run_until_done(struct bench *b, const struct asked *a)
{
    uv_timer_start(&b->alarm, ring, 20000, 0);
    while (a->run && uv_is_active((uv_handle_t *)&b->alarm))
        uv_run(&b->loop, UV_RUN_DEFAULT);
    cr_expect_null(a->run, "it never ended");
    uv_timer_stop(&b->alarm);
}

static void start(struct bench *b, const char *path, int64_t total_ms, struct asked *a)
{
    char url[128];

    ask_url(b, fake_url(&b->p.f, path, url), total_ms, a);
}

static void ask(struct bench *b, const char *path, int64_t total_ms, struct asked *a)
{
    start(b, path, total_ms, a);
    run_until_done(b, a);
}

Test(http_async, a_stream_is_told_as_it_comes)
{
    struct bench b;
    struct asked a = {0};

    bench_open(&b);
    ask(&b, "/stream", 0, &a);
    cr_expect_eq(a.rc, ERR_OK, "%s", a.error);
    cr_expect_eq(a.status, 200);
    cr_expect_str_eq(a.type, "text/event-stream");
    cr_expect_eq(a.retry_after_ms, -1);
    cr_expect_str_eq(a.text.p, "one two");
    cr_expect_geq(a.n_data, 2);
    cr_expect_eq(a.n_heads, 1);
    cr_expect_eq(a.n_done, 1);
    buf_done(&a.text);
    bench_close(&b);
}

Test(http_async, the_key_and_the_body_are_sent)
{
    struct bench b;
    struct asked a = {0};

    bench_open(&b);
    ask(&b, "/plain", 5000, &a);
    cr_expect_str_eq(a.text.p, "{}");
    cr_expect_eq(b.p.key_was_right, 1);
    cr_expect(strstr(b.p.request.p, "\r\n\r\n{\"a\":1}"), "%s", b.p.request.p);
    cr_expect(strstr(b.p.request.p, "Accept: text/event-stream\r\n"));
    buf_done(&a.text);
    bench_close(&b);
}

Test(http_async, statuses_are_for_the_caller_to_judge)
{
    struct bench b;
    struct asked busy = {0}, moved = {0}, empty = {0};

    bench_open(&b);
    ask(&b, "/busy", 5000, &busy);
    cr_expect_eq(busy.rc, ERR_OK);
    cr_expect_eq(busy.status, 429);
    cr_expect_eq(busy.retry_after_ms, 7000);
    cr_expect_str_eq(busy.text.p, "later");
    ask(&b, "/moved", 5000, &moved);
    cr_expect_eq(moved.status, 302);
    ask(&b, "/empty", 5000, &empty);
    cr_expect_eq(empty.status, 204);
    cr_expect_eq(empty.n_heads, 1);
    cr_expect_eq(empty.n_data, 0);
    cr_expect_eq(empty.n_done, 1);
    buf_done(&busy.text);
    bench_close(&b);
}

Test(http_async, connections_are_used_again)
{
    struct bench b;

    bench_open(&b);
    for (int i = 0; i < 5; i++) {
        struct asked a = {0};

        ask(&b, i % 2 ? "/stream" : "/plain", 5000, &a);
        cr_expect_eq(a.rc, ERR_OK, "%s", a.error);
        buf_done(&a.text);
    }
    cr_expect_eq(b.p.f.n_connections, 1);
    bench_close(&b);
}

Test(http_async, many_run_at_once)
{
    enum { N = 50 };
    struct bench b;
    struct asked a[N] = {0};

    bench_open(&b);
    for (int i = 0; i < N; i++)
        start(&b, "/stream", 10000, &a[i]);
    for (int i = 0; i < N; i++) {
        run_until_done(&b, &a[i]);
        cr_expect_eq(a[i].rc, ERR_OK, "%s", a[i].error);
        cr_expect_str_eq(a[i].text.p, "one two");
        buf_done(&a[i].text);
    }
    bench_close(&b);
}

Test(http_async, a_cancelled_call_is_silent_and_its_connection_closed)
{
    struct bench b;
    struct asked a = {0};

    bench_open(&b);
    start(&b, "/silent", 0, &a);
    run_for(&b, 50);
    cancel(&a);
    run_for(&b, 100);
    cr_expect_eq(b.p.n_left, 1);
    cr_expect_eq(a.n_done, 0);
    cr_expect_eq(a.n_heads, 0);
    bench_close(&b);
}

Test(http_async, a_call_can_be_cancelled_before_anything_happened)
{
    struct bench b;
    struct asked a = {0};

    bench_open(&b);
    start(&b, "/plain", 0, &a);
    cancel(&a);
    run_for(&b, 30);
    cr_expect_eq(a.n_done + a.n_heads, 0);
    bench_close(&b);
}

Test(http_async, data_may_cancel_its_own_call_and_others)
{
    struct bench b;
    struct asked own = {.cancel_at_data = 1}, other = {0}, silent = {0};

    bench_open(&b);
    start(&b, "/hangs", 0, &own);
    run_until_done(&b, &own);
    cr_expect_str_eq(own.text.p, "one ");
    start(&b, "/silent", 0, &silent);
    run_for(&b, 30);
    other.cancels = &silent;
    ask(&b, "/stream", 0, &other);
    cr_expect_eq(other.rc, ERR_OK, "%s", other.error);
    cr_expect_null(silent.run);
    run_for(&b, 100);
    cr_expect_eq(b.p.n_left, 2);
    cr_expect_eq(silent.n_done, 0);
    buf_done(&own.text);
    buf_done(&other.text);
    bench_close(&b);
}

Test(http_async, a_released_call_leaves_its_connection_for_others)
{
    struct bench b;
    struct asked a = {0}, next = {0};

    bench_open(&b);
    start(&b, "/stream", 0, &a);
    run_for(&b, 10);
    http_async_release(a.run);
    run_for(&b, 150);
    cr_expect_eq(a.n_done, 0);
    ask(&b, "/plain", 5000, &next);
    cr_expect_eq(next.rc, ERR_OK, "%s", next.error);
    cr_expect_eq(b.p.f.n_connections, 1);
    buf_done(&a.text);
    buf_done(&next.text);
    bench_close(&b);
}

Test(http_async, a_released_call_that_does_not_end_is_closed)
{
    struct bench b;
    struct asked hangs = {0}, endless = {0}, kept = {0};

    bench_open(&b);
    start(&b, "/hangs", 0, &hangs);
    start(&b, "/endless", 0, &endless);
    run_for(&b, 10);
    http_async_release(hangs.run);
    http_async_release(endless.run);
    run_for(&b, HTTP_ASYNC_REST_MS / 2);
    cr_expect_eq(b.p.n_left, 1, "the endless one has said enough");
    run_for(&b, HTTP_ASYNC_REST_MS);
    cr_expect_eq(b.p.n_left, 2);
    start(&b, "/hangs", 0, &kept);
    run_for(&b, 10);
    http_async_release(kept.run); /* and freed with the whole */
    buf_done(&hangs.text);
    buf_done(&endless.text);
    buf_done(&kept.text);
    bench_close(&b);
}

/* Its end would be the client's memory, or its patience: the alarm rings, and others are served. */
Test(http_async, a_reply_that_never_ends_leaves_the_loop_to_others)
{
    struct bench b;
    struct asked endless = {0}, other = {0};

    bench_open(&b);
    start(&b, "/endless", 0, &endless);
    run_for(&b, 200);
    cr_assert(endless.run);
    cr_expect_gt(endless.n_data, 1);
    ask(&b, "/plain", 5000, &other);
    cr_expect_eq(other.rc, ERR_OK, "%s", other.error);
    cancel(&endless);
    buf_done(&endless.text);
    buf_done(&other.text);
    bench_close(&b);
}

Test(http_async, deadlines_are_kept)
{
    struct bench b;
    struct asked a = {0}, half = {0};
    uint64_t start_ns = clock_ns();

    bench_open(&b);
    ask(&b, "/silent", 100, &a);
    cr_expect_eq(a.rc, ERR_TIMEOUT);
    cr_expect(strstr(a.error, "/silent: no full reply within 100 ms"), "%s", a.error);
    ask(&b, "/hangs", 150, &half);
    cr_expect_eq(half.rc, ERR_TIMEOUT);
    cr_expect_str_eq(half.text.p, "one two");
    cr_expect_lt(clock_ms_since(start_ns), 10000);
    buf_done(&half.text);
    bench_close(&b);
}

Test(http_async, each_failure_has_its_code_and_names_the_url)
{
    struct bench b;
    struct asked cut = {0}, noise = {0}, head = {0}, file = {0}, key = {0}, gone = {0};
    struct http_async_call call = {.url = "http://127.0.0.1:1/x",
                                   .key = "two\nlines",
                                   .body = STR_LIT("{}"),
                                   .accept = "application/json",
                                   .connect_ms = 1000,
                                   .done = on_done,
                                   .arg = &key};

    bench_open(&b);
    ask(&b, "/cut", 5000, &cut);
    cr_expect_eq(cut.rc, ERR_UNAVAILABLE);
    cr_expect_str_eq(cut.text.p, "one two");
    cr_expect(strstr(cut.error, "/cut: "), "%s", cut.error);
    ask(&b, "/noise", 5000, &noise);
    cr_expect_eq(noise.rc, ERR_UNAVAILABLE, "%s", noise.error);
    ask(&b, "/head", 5000, &head);
    cr_expect_eq(head.rc, ERR_UNAVAILABLE);
    cr_expect(strstr(head.error, "limit"), "%s", head.error);
    ask_url(&b, "file:///etc/passwd", 1000, &file);
    run_until_done(&b, &file);
    cr_expect_eq(file.rc, ERR_ARGUMENT, "%s", file.error);
    key.loop = &b.loop;
    key.run = http_async_start(b.h, &call);
    run_until_done(&b, &key);
    cr_expect_eq(key.rc, ERR_ARGUMENT);
    cr_expect_null(strstr(key.error, "lines"), "%s", key.error);
    ask_url(&b, "http://joe:" KEY "@127.0.0.1:1/x?key=" KEY, 1000, &gone);
    run_until_done(&b, &gone);
    cr_expect_eq(gone.rc, ERR_UNAVAILABLE);
    cr_expect(strstr(gone.error, "http://127.0.0.1:1/x: "), "%s", gone.error);
    cr_expect_null(strstr(gone.error, KEY), "%s", gone.error);
    buf_done(&cut.text);
    bench_close(&b);
}
