#include "server/exporter.h"

#include <criterion/criterion.h>

#include "base/clock.h"
#include "base/err.h"
#include "support/fake_http.h"

/* What a collector saw, and what it says to the first requests. */
struct seen {
    pthread_mutex_t mu; /* guards the fields below */
    struct buf last, head;
    int n;
    int status[4]; /* 0: 200 */
    const char *header, *reply;
    bool silent;
};

static bool take(struct fake_http *f, int fd, int i, struct str head, struct str body)
{
    struct seen *s = f->arg;
    int status;

    pthread_mutex_lock(&s->mu);
    buf_clear(&s->last);
    buf_add_view(&s->last, body);
    buf_clear(&s->head);
    buf_add_view(&s->head, head);
    status = i < 4 && s->status[i] ? s->status[i] : 200;
    s->n++;
    pthread_mutex_unlock(&s->mu);
    if (s->silent)
        fake_wait(f, fd, 30000);
    fake_reply(fd, status, status == 200 || !s->header ? "" : s->header,
               s->reply ? s->reply : "{}");
    return true;
}

static struct exporter *exporter_to(const struct fake_http *f, const char *headers,
                                    int64_t timeout_ms)
{
    char url[128];
    struct exporter_options o = {.url = fake_url(f, "/v1/traces", url),
                                 .service = "test",
                                 .headers = headers,
                                 .timeout_ms = timeout_ms};
    struct exporter *e = NULL;

    cr_assert_eq(exporter_new(&e, &o), ERR_OK, "%s", err_text());
    return e;
}

/* Within ten seconds. */
static struct exporter_stats settled(struct exporter *e, uint64_t n)
{
    struct exporter_stats s;

    for (int i = 0; i < 1000; i++) {
        exporter_stats_get(e, &s);
        if (s.sent + s.failed >= n)
            break;
        usleep(10000);
    }
    return s;
}

static void seen_done(struct seen *s)
{
    buf_done(&s->last);
    buf_done(&s->head);
}

#define SPAN STR_LIT("{\"name\":\"a\"}")

Test(exporter, spans_that_come_together_go_together_with_their_headers)
{
    struct seen s = {.mu = PTHREAD_MUTEX_INITIALIZER};
    struct fake_http f;
    struct exporter *e;

    fake_start(&f, take, &s);
    e = exporter_to(&f, " x-key = a%20b , x-team=night", 5000);
    cr_expect(exporter_add(e, SPAN, 1));
    cr_expect(exporter_add(e, SPAN, 1));
    cr_expect_eq(settled(e, 2).sent, 2);
    exporter_free(e);
    fake_stop(&f);
    cr_expect_eq(s.n, 1);
    cr_expect(strstr(s.last.p, "\"spans\":[{\"name\":\"a\"},{\"name\":\"a\"}]"), "%s", s.last.p);
    cr_expect(strstr(s.head.p, "\r\nx-key: a b\r\n"), "%s", s.head.p);
    cr_expect(strstr(s.head.p, "\r\nx-team: night\r\n"));
    cr_expect(strstr(s.head.p, "\r\nContent-Type: application/json\r\n"));
    seen_done(&s);
}

Test(exporter, passing_trouble_is_tried_again_and_lasting_is_not)
{
    struct seen s = {.mu = PTHREAD_MUTEX_INITIALIZER, .status = {503, 429, 0, 400}};
    struct fake_http f;
    struct exporter *e;
    struct exporter_stats stats;

    fake_start(&f, take, &s);
    e = exporter_to(&f, NULL, 5000);
    exporter_add(e, SPAN, 1);
    cr_expect_eq(settled(e, 1).sent, 1);
    exporter_add(e, SPAN, 1);
    stats = settled(e, 2);
    cr_expect_eq(stats.sent, 1);
    cr_expect_eq(stats.failed, 1);
    exporter_free(e);
    fake_stop(&f);
    cr_expect_eq(s.n, 4);
    seen_done(&s);
}

Test(exporter, what_the_collector_says_it_did_not_take_has_failed)
{
    struct seen s = {.mu = PTHREAD_MUTEX_INITIALIZER,
                     .reply = "{\"partialSuccess\":{\"rejectedSpans\":\"2\"}}"};
    struct fake_http f;
    struct exporter *e;
    struct exporter_stats stats;

    fake_start(&f, take, &s);
    e = exporter_to(&f, NULL, 5000);
    exporter_add(e, STR_LIT("{},{},{}"), 3);
    stats = settled(e, 3);
    cr_expect_eq(stats.sent, 1);
    cr_expect_eq(stats.failed, 2);
    exporter_free(e);
    fake_stop(&f);
    seen_done(&s);
}

Test(exporter, a_full_queue_drops_at_once_and_counts)
{
    struct seen s = {.mu = PTHREAD_MUTEX_INITIALIZER, .silent = true};
    struct fake_http f;
    struct exporter *e;
    struct exporter_stats stats;
    uint64_t n = 0;

    fake_start(&f, take, &s);
    e = exporter_to(&f, NULL, 300);
    for (size_t i = 0; i < 3 * EXPORTER_QUEUE_SPANS; i++)
        n += !exporter_add(e, SPAN, 1);
    exporter_stats_get(e, &stats);
    cr_expect_gt(n, 0);
    cr_expect_eq(stats.dropped, n);
    cr_expect_leq(stats.waiting, EXPORTER_QUEUE_SPANS);
    exporter_free(e);
    fake_stop(&f);
    seen_done(&s);
}

Test(exporter, what_waits_is_sent_at_the_end_or_given_up_in_time)
{
    struct seen s = {.mu = PTHREAD_MUTEX_INITIALIZER};
    struct fake_http f;
    struct exporter *e;
    uint64_t began;

    fake_start(&f, take, &s);
    e = exporter_to(&f, NULL, 5000);
    exporter_add(e, SPAN, 1);
    exporter_free(e);
    cr_expect_eq(s.n, 1);
    s.silent = true;
    e = exporter_to(&f, NULL, 60000);
    exporter_add(e, SPAN, 1);
    began = clock_ns();
    exporter_free(e);
    cr_expect_lt(clock_ms_since(began), EXPORTER_FLUSH_MS + 8000.0);
    fake_stop(&f);
    seen_done(&s);
}

Test(exporter, what_cannot_be_used_is_refused_without_telling_the_secret)
{
    static const char *const headers[] = {"no-equals-sign", "=value", "a=sesame%0d%0ab: c", "a=%zz",
                                          "1=2,1=2,1=2,1=2,1=2,1=2,1=2,1=2,1=2,1=2,1=2,1=2,1=2,1=2,"
                                          "1=2,1=2,1=2"};
    struct exporter_options o = {.url = "collector:4318", .service = "s", .timeout_ms = 1};
    struct exporter *e = NULL;

    cr_expect_eq(exporter_new(&e, &o), ERR_ARGUMENT);
    o.url = "http://127.0.0.1:9/v1/traces";
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        o.headers = headers[i];
        cr_expect_eq(exporter_new(&e, &o), ERR_ARGUMENT, "%s", headers[i]);
        cr_expect_null(strstr(err_text(), "sesame"), "%s", err_text());
    }
    cr_expect_null(e);
    exporter_free(NULL);
}
