#include "net/upstream.h"

#include <criterion/criterion.h>

#include "base/err.h"
#include "net/breaker.h"
#include "support/fake_http.h"

#define KEY "sesame-42"

/* A server whose next statuses are given, and what was read and refused. */
struct bench {
    struct fake_http server;
    struct upstream *u;
    struct upstream_call call;
    char url[128];
    atomic_int status;    /* of the replies */
    atomic_int n_fail;    /* so many have it, then 200; negative: all */
    const char *headers;  /* of what is not 200 */
    atomic_int n_probes;  /* sent by us */
    atomic_int n_refused; /* told to us */
    atomic_int n_read;
    bool refuse_reading;
};

static bool answer(struct fake_http *f, int fd, int i, struct str head, struct str body)
{
    struct bench *b = f->arg;

    (void)i;
    (void)body;
    if (!memmem(head.p, head.n, "Authorization: Bearer " KEY "\r\n", 24 + strlen(KEY))) {
        fake_reply(fd, 401, "", "the key is " KEY);
        return true;
    }
    if (b->n_fail == 0) {
        fake_reply(fd, 200, "", "{}");
        return true;
    }
    b->n_fail--;
    fake_reply(fd, b->status, b->headers ? b->headers : "", "no\nway");
    return true;
}

static int read_reply(void *arg, struct str reply)
{
    struct bench *b = arg;

    b->n_read++;
    if (b->refuse_reading || !str_eq(reply, STR_LIT("{}")))
        return FAIL(ERR_FORMAT, "not what it\x1b should be");
    return ERR_OK;
}

static int probe(void *arg, int64_t until_ms)
{
    struct bench *b = arg;
    struct upstream_call c = b->call;

    b->n_probes++;
    c.until_ms = until_ms;
    return upstream_probe(b->u, &c);
}

static void count_refusal(void *arg, int status, struct str body)
{
    struct bench *b = arg;

    (void)status;
    (void)body;
    b->n_refused++;
}

static void bench_open(struct bench *b, const char *key)
{
    struct upstream_options o = {.section = "test",
                                 .key = key,
                                 .timeout_ms = 5000,
                                 .probe = probe,
                                 .refused = count_refusal,
                                 .arg = b};

    memset(b, 0, sizeof *b);
    fake_start(&b->server, answer, b);
    b->u = upstream_new(&o);
    fake_url(&b->server, "/ask", b->url);
    b->call = (struct upstream_call){.url = b->url,
                                     .shown = b->url,
                                     .body = STR_LIT("{}"),
                                     .reply_max = 100,
                                     .read = read_reply,
                                     .arg = b};
}

static void bench_close(struct bench *b)
{
    upstream_free(b->u);
    fake_stop(&b->server);
}

static int ask(struct bench *b, int64_t within_ms)
{
    b->call.until_ms = upstream_now_ms() + upstream_allowed_ms(b->u, within_ms);
    return upstream_ask(b->u, &b->call);
}

static struct upstream_stats stats_of(struct bench *b)
{
    struct upstream_stats s;

    upstream_stats_get(b->u, &s);
    return s;
}

Test(upstream, reads_a_reply_and_sends_its_key)
{
    struct bench b;

    bench_open(&b, KEY);
    cr_expect_eq(ask(&b, 0), ERR_OK, "%s", err_text());
    cr_expect_eq(b.n_read, 1);
    cr_expect_eq(b.call.status, 200);
    cr_expect_eq(stats_of(&b).requests, 1);
    cr_expect_eq(stats_of(&b).failures, 0);
    bench_close(&b);
}

Test(upstream, tries_again_what_passes_and_no_oftener_than_it_may)
{
    struct bench b;

    bench_open(&b, KEY);
    b.status = 503;
    b.n_fail = 2;
    cr_expect_eq(ask(&b, 0), ERR_OK, "%s", err_text());
    cr_expect_eq(b.server.n_requests, 3);
    cr_expect_eq(stats_of(&b).retries, 2);
    cr_expect_eq(stats_of(&b).failures, 2);
    b.status = 429; /* none for the breaker */
    b.n_fail = -1;
    b.server.n_requests = 0;
    cr_expect_eq(ask(&b, 0), ERR_UNAVAILABLE);
    cr_expect_eq(b.server.n_requests, UPSTREAM_TRIES);
    cr_expect_eq(stats_of(&b).failures, 2);
    bench_close(&b);
}

Test(upstream, does_not_wait_for_a_server_beyond_the_callers_time)
{
    struct bench b;
    int64_t start;

    bench_open(&b, KEY);
    b.status = 429;
    b.n_fail = -1;
    b.headers = "Retry-After: 30\r\n";
    start = upstream_now_ms();
    cr_expect_eq(ask(&b, 0), ERR_UNAVAILABLE);
    cr_expect_eq(b.server.n_requests, 1, "nobody waits half a minute");
    cr_expect_lt(upstream_now_ms() - start, 4000);
    cr_expect_eq(upstream_allowed_ms(b.u, 100), 100);
    cr_expect_eq(upstream_allowed_ms(b.u, 100000), 5000);
    cr_expect_eq(upstream_allowed_ms(b.u, 0), 5000);
    bench_close(&b);
}

Test(upstream, a_refusal_is_final_and_names_the_setting_and_never_the_key)
{
    struct bench b;

    bench_open(&b, "wrong-key");
    cr_expect_eq(ask(&b, 0), ERR_ARGUMENT);
    cr_expect_eq(b.server.n_requests, 1);
    cr_expect_eq(b.n_refused, 1);
    cr_expect(strstr(err_text(), "test.key_env"), "%s", err_text());
    cr_expect_null(strstr(err_text(), KEY), "%s", err_text());
    bench_close(&b);
    bench_open(&b, KEY);
    b.status = 404;
    b.n_fail = -1;
    cr_expect_eq(ask(&b, 0), ERR_ARGUMENT);
    cr_expect(strstr(err_text(), "test.url"), "%s", err_text());
    cr_expect(strstr(err_text(), "no way"), "on one line: %s", err_text());
    bench_close(&b);
}

Test(upstream, nonsense_is_final_and_plain)
{
    struct bench b;

    bench_open(&b, KEY);
    b.refuse_reading = true;
    cr_expect_eq(ask(&b, 0), ERR_FORMAT);
    cr_expect_eq(b.server.n_requests, 1);
    cr_expect(strstr(err_text(), "not what it  should be"), "%s", err_text());
    cr_expect_eq(stats_of(&b).failures, 1);
    bench_close(&b);
}

Test(upstream, a_server_that_fails_is_left_alone_and_a_probe_finds_it_again)
{
    struct bench b;

    bench_open(&b, KEY);
    b.status = 500;
    b.n_fail = BREAKER_FAILURES;
    while (!stats_of(&b).open)
        cr_expect_lt(ask(&b, 0), 0);
    b.server.n_requests = 0;
    cr_expect_eq(ask(&b, 0), ERR_UNAVAILABLE);
    cr_expect_eq(b.server.n_requests, 0);
    cr_expect(strstr(err_text(), "left alone"), "%s", err_text());
    usleep((BREAKER_WAIT_MS + 100) * 1000);
    cr_expect_eq(ask(&b, 0), ERR_OK, "%s", err_text());
    cr_expect_eq(b.n_probes, 1);
    cr_expect_eq(b.server.n_requests, 2, "the probe, and the request");
    cr_expect_not(stats_of(&b).open);
    bench_close(&b);
}

Test(upstream, nobody_there_is_unavailable)
{
    struct bench b;

    bench_open(&b, KEY);
    fake_stop(&b.server);
    cr_expect_eq(ask(&b, 300), ERR_UNAVAILABLE, "%s", err_text());
    cr_expect(strstr(err_text(), "127.0.0.1"), "%s", err_text());
    upstream_free(b.u);
}
