#include "net/http_client.h"

#include <criterion/criterion.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/trace_context.h"
#include "support/fake_http.h"

#define KEY "sesame-42"

struct seen {
    pthread_mutex_t mu; /* guards the field below */
    struct buf request;
};

static bool echo(struct fake_http *f, int fd, int i, struct str head, struct str body)
{
    struct seen *s = f->arg;

    (void)i;
    pthread_mutex_lock(&s->mu);
    buf_clear(&s->request);
    buf_add_view(&s->request, head);
    buf_add_view(&s->request, body);
    pthread_mutex_unlock(&s->mu);
    fake_reply(fd, 200, "", "{\"fine\":true}");
    return true;
}

/* Answers by the path that is asked for. */
static bool by_path(struct fake_http *f, int fd, int i, struct str head, struct str body)
{
    (void)i;
    (void)body;
    if (str_starts(head, STR_LIT("GET /busy ")))
        fake_reply(fd, 503, "Retry-After: 7\r\n", "later");
    else if (str_starts(head, STR_LIT("GET /odd ")))
        fake_reply(fd, 429, "retry-after:  soon\r\n", "");
    else if (str_starts(head, STR_LIT("GET /date ")))
        fake_reply(fd, 429, "Retry-After: Sun, 06 Nov 1994 08:49:37 GMT\r\n", "");
    else if (str_starts(head, STR_LIT("GET /moved ")))
        fake_reply(fd, 302, "Location: /busy\r\n", "");
    else if (str_starts(head, STR_LIT("GET /silent ")))
        fake_wait(f, fd, 30000);
    else if (str_starts(head, STR_LIT("GET /cut ")))
        fake_text(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
    else if (str_starts(head, STR_LIT("GET /noise ")))
        fake_text(fd, "220 mail.example ESMTP\r\n\r\n");
    else
        fake_reply(fd, 200, "", "0123456789");
    return !str_starts(head, STR_LIT("GET /cut ")) && !str_starts(head, STR_LIT("GET /noise "));
}

static int get(struct http_client *c, const struct fake_http *f, const char *path,
               int64_t within_ms, size_t body_max, struct http_result *out)
{
    char url[128];
    struct http_call call = {
        .url = fake_url(f, path, url), .within_ms = within_ms, .body_max = body_max};

    return http_client_call(c, &call, out);
}

Test(http_client, posts_a_body_with_its_key_over_one_connection)
{
    struct fake_http f;
    struct seen seen = {.mu = PTHREAD_MUTEX_INITIALIZER};
    struct http_client *c = http_client_new();
    char url[128];

    fake_start(&f, echo, &seen);
    for (int i = 0; i < 3; i++) {
        struct http_result r;
        struct http_call call = {.url = fake_url(&f, "/v1/embeddings", url),
                                 .key = KEY,
                                 .body = STR_LIT("{\"a\":1}"),
                                 .within_ms = 10000,
                                 .body_max = 1000};

        cr_assert_eq(http_client_call(c, &call, &r), ERR_OK, "%s", err_text());
        cr_expect_eq(r.status, 200);
        cr_expect_eq(r.retry_after_ms, -1);
        cr_expect_str_eq(r.body.p, "{\"fine\":true}");
        buf_done(&r.body);
    }
    cr_expect_eq(f.n_connections, 1);
    cr_expect_eq(f.n_requests, 3);
    cr_expect(strstr(seen.request.p, "POST /v1/embeddings HTTP/1.1\r\n"), "%s", seen.request.p);
    cr_expect(strstr(seen.request.p, "Authorization: Bearer " KEY "\r\n"));
    cr_expect(strstr(seen.request.p, "Content-Type: application/json\r\n"));
    cr_expect(strstr(seen.request.p, "\r\n\r\n{\"a\":1}"));
    http_client_free(c);
    fake_stop(&f);
    buf_done(&seen.request);
}

Test(http_client, a_status_is_no_error_and_retry_after_is_read)
{
    struct fake_http f;
    struct http_client *c = http_client_new();
    struct http_result r;

    fake_start(&f, by_path, NULL);
    cr_assert_eq(get(c, &f, "/busy", 5000, 100, &r), ERR_OK, "%s", err_text());
    cr_expect_eq(r.status, 503);
    cr_expect_eq(r.retry_after_ms, 7000);
    cr_expect_str_eq(r.body.p, "later");
    buf_done(&r.body);
    cr_assert_eq(get(c, &f, "/odd", 5000, 100, &r), ERR_OK);
    cr_expect_eq(r.retry_after_ms, -1, "not a time");
    buf_done(&r.body);
    cr_assert_eq(get(c, &f, "/date", 5000, 100, &r), ERR_OK);
    cr_expect_eq(r.retry_after_ms, 0, "a date that has passed is now");
    buf_done(&r.body);
    http_client_free(c);
    fake_stop(&f);
}

Test(http_client, follows_no_redirect)
{
    struct fake_http f;
    struct http_client *c = http_client_new();
    struct http_result r;

    fake_start(&f, by_path, NULL);
    cr_assert_eq(get(c, &f, "/moved", 5000, 100, &r), ERR_OK);
    cr_expect_eq(r.status, 302);
    cr_expect_eq(f.n_requests, 1);
    buf_done(&r.body);
    http_client_free(c);
    fake_stop(&f);
}

Test(http_client, stops_at_its_deadline)
{
    struct fake_http f;
    struct http_client *c = http_client_new();
    struct http_result r;
    uint64_t start = clock_ns();

    fake_start(&f, by_path, NULL);
    cr_expect_eq(get(c, &f, "/silent", 200, 100, &r), ERR_TIMEOUT);
    cr_expect_lt(clock_ms_since(start), 5000);
    cr_expect(strstr(err_text(), "/silent: no full reply within 200 ms"), "%s", err_text());
    http_client_free(c);
    fake_stop(&f);
}

Test(http_client, a_reply_that_is_cut_too_long_or_not_http_is_an_error_that_names_the_url)
{
    struct fake_http f;
    struct http_client *c = http_client_new();
    struct http_result r;

    fake_start(&f, by_path, NULL);
    cr_expect_eq(get(c, &f, "/cut", 5000, 1000, &r), ERR_UNAVAILABLE);
    cr_expect(strstr(err_text(), "/cut: "), "%s", err_text());
    cr_expect_eq(get(c, &f, "/noise", 5000, 1000, &r), ERR_UNAVAILABLE);
    cr_expect(strstr(err_text(), "/noise: "), "%s", err_text());
    cr_expect_eq(get(c, &f, "/long", 5000, 9, &r), ERR_UNAVAILABLE);
    cr_expect(strstr(err_text(), "limit of 9 bytes"), "%s", err_text());
    cr_assert_eq(get(c, &f, "/long", 5000, 10, &r), ERR_OK, "%s", err_text());
    cr_expect_eq(r.body.n, 10);
    buf_done(&r.body);
    http_client_free(c);
    fake_stop(&f);
}

Test(http_client, says_that_nobody_listens)
{
    struct fake_http f;
    struct http_client *c = http_client_new();
    struct http_result r;

    fake_start(&f, by_path, NULL);
    fake_stop(&f); /* its port is free now */
    cr_expect_eq(get(c, &f, "/x", 5000, 100, &r), ERR_UNAVAILABLE);
    cr_expect(strstr(err_text(), "127.0.0.1"), "%s", err_text());
    http_client_free(c);
}

Test(http_client, shows_no_secret_of_a_url_and_no_key)
{
    struct http_client *c = http_client_new();
    struct http_call call = {.url = "http://joe:" KEY "@127.0.0.1:1/v1?key=" KEY,
                             .key = KEY,
                             .within_ms = 1000,
                             .body_max = 10};
    struct http_result r;

    cr_expect_eq(http_client_call(c, &call, &r), ERR_UNAVAILABLE);
    cr_expect_null(strstr(err_text(), KEY), "%s", err_text());
    call.key = "two\nlines";
    cr_expect_eq(http_client_call(c, &call, &r), ERR_ARGUMENT);
    http_client_free(c);
}

Test(http_client, speaks_nothing_but_http)
{
    struct http_client *c = http_client_new();
    struct http_call call = {.url = "file:///etc/passwd", .within_ms = 1000, .body_max = 10};
    struct http_result r;

    cr_expect_eq(http_client_call(c, &call, &r), ERR_ARGUMENT);
    http_client_free(c);
}

#define N_THREADS 8

static void *ask_often(void *arg)
{
    struct {
        struct http_client *c;
        const struct fake_http *f;
    } *both = arg;
    intptr_t n_right = 0;

    for (int i = 0; i < 20; i++) {
        struct http_result r;

        if (get(both->c, both->f, "/long", 20000, 100, &r) != ERR_OK)
            continue;
        n_right += r.status == 200 && r.body.n == 10;
        buf_done(&r.body);
    }
    return (void *)n_right;
}

Test(http_client, any_thread_may_call)
{
    struct fake_http f;
    struct http_client *c = http_client_new();
    pthread_t threads[N_THREADS];
    struct {
        struct http_client *c;
        const struct fake_http *f;
    } both = {c, &f};

    fake_start(&f, by_path, NULL);
    for (int i = 0; i < N_THREADS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, ask_often, &both), 0);
    for (int i = 0; i < N_THREADS; i++) {
        void *n_right;

        pthread_join(threads[i], &n_right);
        cr_expect_eq((intptr_t)n_right, 20);
    }
    cr_expect_leq(f.n_connections, N_THREADS, "connections are used again");
    http_client_free(c);
    fake_stop(&f);
}

Test(http_client, lines_of_the_callers_and_its_threads_trace_go_along)
{
    static const char *const lines[] = {"x-team: night", "x-key: a b", NULL};
    struct trace_context c = {.trace_id = {1}, .span_id = {2}};
    struct fake_http f;
    struct seen seen = {.mu = PTHREAD_MUTEX_INITIALIZER};
    struct http_client *client = http_client_new();
    struct http_result r;
    char url[128];
    struct http_call call = {.lines = lines, .within_ms = 10000, .body_max = 1000};

    fake_start(&f, echo, &seen);
    call.url = fake_url(&f, "/x", url);
    trace_context_bind(&c);
    cr_assert_eq(http_client_call(client, &call, &r), ERR_OK, "%s", err_text());
    trace_context_bind(NULL);
    buf_done(&r.body);
    cr_expect(strstr(seen.request.p, "\r\nx-team: night\r\nx-key: a b\r\n"), "%s", seen.request.p);
    cr_expect(strstr(seen.request.p, "\r\ntraceparent: 00-01000000000000000000000000000000-"
                                     "0200000000000000-00\r\n"));
    cr_assert_eq(http_client_call(client, &call, &r), ERR_OK, "%s", err_text());
    buf_done(&r.body);
    cr_expect_null(strstr(seen.request.p, "traceparent"), "%s", seen.request.p);
    http_client_free(client);
    fake_stop(&f);
    buf_done(&seen.request);
}
