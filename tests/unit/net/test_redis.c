#include "net/redis.h"

#include <pthread.h>

#include "net/breaker.h"
#include "support/fake_redis.h"
#include "support/log_lines.h"
#include "support/redis_server.h"

#define A STR_LIT("a")

static struct redis *opened(const char *url, int timeout_ms)
{
    struct redis *r;

    cr_assert_eq(redis_open(&r, url, timeout_ms), ERR_OK, "%s", err_text());
    return r;
}

static int got(struct redis *r, struct str key, char *out, size_t size)
{
    struct buf b;
    int rc;

    buf_init(&b);
    rc = redis_get(r, key, &b);
    snprintf(out, size, "%.*s", STR_ARGS(buf_view(&b)));
    buf_done(&b);
    return rc;
}

static struct redis_stats stats_of(struct redis *r)
{
    struct redis_stats s;

    redis_stats_get(r, &s);
    return s;
}

static void use_all(struct redis *r)
{
    char text[64];
    int64_t n;
    struct str keys[] = {A, STR_LIT("b")};

    cr_expect_eq(redis_ping(r), ERR_OK, "%s", err_text());
    cr_expect_eq(got(r, A, text, sizeof text), 0);
    cr_expect_eq(redis_set(r, A, STR_LIT("one\0two"), 60000), ERR_OK, "%s", err_text());
    cr_expect_eq(got(r, A, text, sizeof text), 1);
    cr_expect_str_eq(text, "one");
    cr_expect_eq(redis_set_new(r, A, STR_LIT("other"), 60000), 0);
    cr_expect_eq(redis_delete_if(r, A, STR_LIT("other")), 0);
    cr_expect_eq(redis_renew_if(r, A, STR_LIT("other"), 60000), 0);
    cr_expect_eq(redis_renew_if(r, A, STR_LIT("one\0two"), 120000), 1);
    cr_expect_eq(redis_eval(r, "return redis.call('PTTL', KEYS[1]) > 100000 and 7 or 8", keys, 1,
                            NULL, 0, &n),
                 ERR_OK, "%s", err_text());
    cr_expect_eq(n, 7);
    cr_expect_eq(redis_delete_if(r, A, STR_LIT("one\0two")), 1);
    cr_expect_eq(redis_delete(r, A), 0);
    cr_expect_eq(redis_set_new(r, A, STR_LIT("new"), 60000), 1);
    cr_expect_eq(redis_delete(r, A), 1);
    cr_expect_eq(redis_eval(r, "return #KEYS * 10 + #ARGV", keys, 2, keys, 1, &n), ERR_OK);
    cr_expect_eq(n, 21);
}

Test(redis, commands_do_what_they_say)
{
    struct redis_server s;
    struct redis *r;
    struct redis_stats st;

    REDIS_OR_SKIP();
    redis_server_start(&s, "");
    r = opened(s.url, 5000);
    use_all(r);
    st = stats_of(r);
    cr_expect_eq(st.hits, 1);
    cr_expect_eq(st.misses, 1);
    cr_expect_eq(st.calls, 14);
    cr_expect_eq(st.failures, 0);
    cr_expect(!st.open);
    redis_close(r);
    r = opened(s.socket, 5000);
    use_all(r);
    redis_close(r);
    redis_server_stop(&s);
}

Test(redis, with_a_password_and_a_database)
{
    struct redis_server s;
    struct redis *r;

    REDIS_OR_SKIP();
    redis_server_start(&s, REDIS_TEST_PASSWORD);
    r = opened(s.safe_url, 5000);
    use_all(r);
    cr_expect_null(strstr(redis_shown(r), REDIS_TEST_PASSWORD));
    redis_close(r);
    r = opened(s.url, 5000);
    cr_expect_eq(redis_ping(r), ERR_UNAVAILABLE);
    redis_close(r);
    redis_server_stop(&s);
}

Test(redis, a_script_that_the_server_does_not_know_yet_is_sent_whole)
{
    static const char script[] = "return ARGV[1] .. redis.call('INCR', KEYS[1])";
    struct str word = STR_LIT("n");
    struct buf out = {0};
    struct redis_server s;
    struct redis *r;
    struct redis_stats stats;

    REDIS_OR_SKIP();
    redis_server_start(&s, "");
    r = opened(s.url, 5000);
    for (int i = 0; i < 3; i++)
        cr_expect_eq(redis_run(r, script, &A, 1, &word, 1, &out), ERR_OK, "%s", err_text());
    cr_expect_str_eq(out.p, "n1n2n3");
    redis_stats_get(r, &stats);
    cr_expect_eq(stats.calls, 4, "once by its text, three times by its name");
    cr_expect_eq(stats.failures, 0);
    cr_expect_eq(redis_run(r, "return 1", NULL, 0, NULL, 0, &out), ERR_UNAVAILABLE, "no text");
    cr_expect_eq(redis_run(r, "return x y", NULL, 0, NULL, 0, &out), ERR_UNAVAILABLE, "no script");
    buf_done(&out);
    redis_close(r);
    redis_server_stop(&s);
}

Test(redis, values_have_a_limit_both_ways)
{
    struct redis_server s;
    struct redis *r;
    struct buf b;
    int64_t n;

    REDIS_OR_SKIP();
    redis_server_start(&s, "");
    r = opened(s.url, 60000);
    buf_init(&b);
    buf_reserve(&b, REDIS_VALUE_MAX + 1);
    memset(b.p, 'x', REDIS_VALUE_MAX + 1);
    cr_expect_eq(redis_set(r, A, (struct str){b.p, REDIS_VALUE_MAX + 1}, 60000), ERR_LIMIT);
    cr_expect_eq(redis_set(r, A, (struct str){b.p, REDIS_VALUE_MAX}, 60000), ERR_OK);
    cr_expect_eq(redis_get(r, A, &b), 1, "%s", err_text());
    cr_expect_eq(b.n, REDIS_VALUE_MAX);
    cr_expect_eq(redis_eval(r, "return redis.call('APPEND', KEYS[1], 'x')", &A, 1, NULL, 0, &n),
                 ERR_OK);
    cr_expect_eq(redis_get(r, A, &b), ERR_UNAVAILABLE);
    cr_expect_eq(b.n, REDIS_VALUE_MAX, "nothing was added");
    buf_done(&b);
    redis_close(r);
    redis_server_stop(&s);
}

Test(redis, an_error_of_the_server_is_told_and_the_connection_stays)
{
    struct fake_redis f;
    struct redis *r;

    fake_redis_start(&f, FAKE_REDIS_REPLY, "-OOM command not\x1b[31m allowed\r\n");
    r = opened(f.url, 5000);
    cr_expect_eq(redis_set(r, A, A, 1000), ERR_UNAVAILABLE);
    cr_expect_not_null(strstr(err_text(), "OOM command not [31m allowed"), "%s", err_text());
    cr_expect_eq(redis_ping(r), ERR_UNAVAILABLE);
    cr_expect_eq(f.n_connections, 1);
    redis_close(r);
    fake_redis_stop(&f);
}

/* Each command against each reply that is not its own. */
Test(redis, a_reply_of_another_type_is_a_failure_and_the_connection_goes)
{
    static const char *const replies[] = {"+PONGO\r\n",
                                          "+\r\n",
                                          "*0\r\n",
                                          "*1\r\n:1\r\n",
                                          "*1000000000\r\n",
                                          "$-2\r\n",
                                          "?what\r\n",
                                          "HTTP/1.1 400 Bad Request\r\n\r\n",
                                          "\r\n",
                                          ":12x\r\n"};
    int64_t n;
    char text[8];

    for (size_t i = 0; i < sizeof replies / sizeof *replies; i++) {
        struct fake_redis f;
        struct redis *r;

        fake_redis_start(&f, FAKE_REDIS_REPLY, replies[i]);
        r = opened(f.url, 200);
        cr_expect_eq(redis_ping(r), ERR_UNAVAILABLE, "%s", replies[i]);
        cr_expect_eq(got(r, A, text, sizeof text), ERR_UNAVAILABLE, "%s", replies[i]);
        cr_expect_eq(redis_delete(r, A), ERR_UNAVAILABLE, "%s", replies[i]);
        cr_expect_eq(redis_eval(r, "x", NULL, 0, NULL, 0, &n), ERR_UNAVAILABLE, "%s", replies[i]);
        cr_expect_eq(f.n_connections, 4, "%s", replies[i]);
        redis_close(r);
        fake_redis_stop(&f);
    }
}

Test(redis, a_number_where_a_text_belongs_is_a_failure)
{
    struct fake_redis f;
    struct redis *r;
    char text[8];

    fake_redis_start(&f, FAKE_REDIS_REPLY, ":1\r\n");
    r = opened(f.url, 5000);
    cr_expect_eq(got(r, A, text, sizeof text), ERR_UNAVAILABLE);
    cr_expect_eq(redis_set_new(r, A, A, 1), ERR_UNAVAILABLE);
    f.reply = "$4\r\nPONG\r\n";
    cr_expect_eq(redis_ping(r), ERR_UNAVAILABLE);
    cr_expect_eq(redis_delete(r, A), ERR_UNAVAILABLE);
    redis_close(r);
    fake_redis_stop(&f);
}

static void expect_left_alone(struct redis *r)
{
    struct redis_stats s;

    for (int i = 0; i < BREAKER_FAILURES + 3; i++)
        cr_expect_eq(redis_ping(r), ERR_UNAVAILABLE);
    cr_expect_not_null(strstr(err_text(), "left alone"), "%s", err_text());
    s = stats_of(r);
    cr_expect_eq(s.failures, BREAKER_FAILURES);
    cr_expect_eq(s.calls, BREAKER_FAILURES);
    cr_expect_eq(s.refused, 3);
    cr_expect(s.open);
}

Test(redis, that_it_is_away_is_logged_once_without_its_password)
{
    struct fake_redis f;
    struct log_lines l;
    struct redis *r;
    char url[128];
    const char *text;

    fake_redis_start(&f, FAKE_REDIS_REPLY, "-ERR out of order\r\n");
    snprintf(url, sizeof url, "redis://:" REDIS_TEST_PASSWORD "@%s", f.url + strlen("redis://"));
    r = opened(url, 5000);
    log_lines_begin(&l, LOG_INFO);
    for (int i = 0; i < BREAKER_FAILURES + 3; i++)
        cr_expect_eq(redis_ping(r), ERR_UNAVAILABLE);
    text = log_lines_end(&l);
    cr_expect_eq(log_lines_count(text, "\n"), 1, "%s", text);
    cr_expect(strstr(text, "\"level\":\"warn\",\"event\":\"redis_away\""), "%s", text);
    cr_expect(strstr(text, "127.0.0.1") && strstr(text, "\"reason\":"), "%s", text);
    cr_expect_null(strstr(text, REDIS_TEST_PASSWORD), "%s", text);
    redis_close(r);
    fake_redis_stop(&f);
}

Test(redis, after_five_failures_it_is_left_alone)
{
    static const struct {
        enum fake_redis_fault fault;
        const char *reply;
    } faults[] = {{FAKE_REDIS_SILENT, ""},
                  {FAKE_REDIS_CUT, ""},
                  {FAKE_REDIS_CUT, "+PO"},
                  {FAKE_REDIS_DRIP, "+PONGPONGPONG"},
                  {FAKE_REDIS_REPLY, "garbage"},
                  {FAKE_REDIS_REPLY, ":1\r\n"},
                  {FAKE_REDIS_REPLY, "-LOADING\r\n"},
                  {FAKE_REDIS_ENDLESS, "+"}};

    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        struct fake_redis f;
        struct redis *r;

        fake_redis_start(&f, faults[i].fault, faults[i].reply);
        r = opened(f.url, 50);
        expect_left_alone(r);
        redis_close(r);
        fake_redis_stop(&f);
    }
}

Test(redis, nobody_there_is_a_failure_at_once)
{
    struct redis *r;
    char url[64];

    snprintf(url, sizeof url, "redis://127.0.0.1:%d", redis_free_port());
    r = opened(url, 50);
    expect_left_alone(r);
    redis_close(r);
    r = opened("/nowhere/redis.sock", 50);
    expect_left_alone(r);
    redis_close(r);
}

Test(redis, a_server_that_was_started_again_is_no_failure)
{
    struct redis_server s;
    struct redis *r;

    REDIS_OR_SKIP();
    redis_server_start(&s, "");
    r = opened(s.url, 5000);
    cr_expect_eq(redis_set(r, A, A, 60000), ERR_OK);
    redis_server_kill(&s);
    redis_server_run(&s, "");
    cr_expect_eq(redis_ping(r), ERR_OK, "%s", err_text());
    cr_expect_eq(stats_of(r).failures, 0);
    redis_close(r);
    redis_server_stop(&s);
}

Test(redis, is_used_again_some_time_after_it_came_back)
{
    struct fake_redis f;
    struct redis *r;
    struct log_lines l;
    const char *text;
    int rc = ERR_UNAVAILABLE;

    fake_redis_start(&f, FAKE_REDIS_SILENT, "");
    r = opened(f.url, 20);
    expect_left_alone(r);
    log_lines_begin(&l, LOG_INFO);
    f.reply = "+PONG\r\n";
    f.fault = FAKE_REDIS_REPLY;
    for (int i = 0; i < 1000 && rc < 0; i++) { /* one wait of the breaker's */
        redis_pause(10);
        rc = redis_ping(r);
    }
    text = log_lines_end(&l);
    cr_expect_eq(rc, ERR_OK);
    cr_expect(!stats_of(r).open);
    cr_expect_eq(log_lines_count(text, "\"redis_back\""), 1, "%s", text);
    redis_close(r);
    fake_redis_stop(&f);
}

static void *ask_often(void *arg)
{
    struct redis *r = arg;
    char key[32], text[32];
    int n = snprintf(key, sizeof key, "%p", (void *)text); /* its own */

    for (int i = 0; i < 300; i++) {
        char value[32];
        int m = snprintf(value, sizeof value, "%s-%d", key, i);

        redis_set(r, (struct str){key, (size_t)n}, (struct str){value, (size_t)m}, 60000);
        if (got(r, (struct str){key, (size_t)n}, text, sizeof text) != 1 ||
            strcmp(text, value) != 0)
            return r;
    }
    return NULL;
}

Test(redis, many_threads_get_each_its_own_reply)
{
    struct redis_server s;
    struct redis *r;
    pthread_t threads[24];

    REDIS_OR_SKIP();
    redis_server_start(&s, "");
    r = opened(s.url, 30000);
    for (int i = 0; i < 24; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, ask_often, r), 0);
    for (int i = 0; i < 24; i++) {
        void *wrong;

        pthread_join(threads[i], &wrong);
        cr_expect_null(wrong);
    }
    cr_expect_eq(stats_of(r).failures, 0);
    redis_close(r);
    redis_server_stop(&s);
}

Test(redis, a_url_that_cannot_be_is_refused_when_opened)
{
    struct redis *r = NULL;

    cr_expect_eq(redis_open(&r, "redis://", 50), ERR_ARGUMENT);
    cr_expect_eq(redis_open(&r, "rediss://h", 50), ERR_UNSUPPORTED);
    cr_expect_null(r);
    redis_close(NULL);
}
