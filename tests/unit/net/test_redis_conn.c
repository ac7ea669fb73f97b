#include "net/redis_conn.h"

#include "support/fake_redis.h"
#include "support/redis_server.h"

static struct redis_conn *open_to(const char *text, struct redis_url *u)
{
    struct redis_conn *c = NULL;

    cr_assert_eq(redis_url_read(u, text), ERR_OK);
    redis_conn_open(&c, u, "the server", redis_now_ms() + 5000);
    return c;
}

static int say(struct redis_conn *c, const char *word, int within_ms, redisReply **reply)
{
    struct str w = str_of(word);

    return redis_conn_call(c, &w, 1, redis_now_ms() + within_ms, reply);
}

Test(redis_conn, a_command_has_its_reply)
{
    struct redis_server s;
    struct redis_url u;
    struct redis_conn *c;
    redisReply *reply;

    REDIS_OR_SKIP();
    redis_server_start(&s, "");
    c = open_to(s.url, &u);
    cr_assert_not_null(c, "%s", err_text());
    cr_assert_eq(say(c, "PING", 5000, &reply), ERR_OK, "%s", err_text());
    cr_expect_str_eq(reply->str, "PONG");
    freeReplyObject(reply);
    cr_assert_eq(say(c, "NONSENSE", 5000, &reply), ERR_OK);
    cr_expect_eq(reply->type, REDIS_REPLY_ERROR);
    freeReplyObject(reply);
    cr_expect(redis_conn_is_idle(c));
    cr_expect_eq(say(c, "COMMAND", 5000, &reply), ERR_UNAVAILABLE, "a list is refused");
    redis_conn_close(c);
    redis_url_done(&u);
    redis_server_stop(&s);
}

Test(redis_conn, of_a_server_that_left_is_not_used_again)
{
    struct redis_server s;
    struct redis_url u;
    struct redis_conn *c;

    REDIS_OR_SKIP();
    redis_server_start(&s, "");
    c = open_to(s.url, &u);
    cr_assert_not_null(c, "%s", err_text());
    cr_expect(redis_conn_is_idle(c));
    redis_server_kill(&s);
    cr_expect(!redis_conn_is_idle(c));
    redis_conn_close(c);
    redis_url_done(&u);
    redis_server_stop(&s);
}

Test(redis_conn, is_over_when_its_time_is_even_if_bytes_drip_in)
{
    struct fake_redis f;
    struct redis_url u;
    struct redis_conn *c;
    redisReply *reply;
    int64_t start;

    fake_redis_start(&f, FAKE_REDIS_DRIP, "+PONGPONGPONGPONGPONGPONGPONGPONGPONGPONGPONGPONG\r\n");
    c = open_to(f.url, &u);
    start = redis_now_ms();
    cr_expect_eq(say(c, "PING", 60, &reply), ERR_UNAVAILABLE);
    cr_expect_not_null(strstr(err_text(), "in time"), "%s", err_text());
    cr_expect_geq(redis_now_ms() - start, 60);
    redis_conn_close(c);
    redis_url_done(&u);
    fake_redis_stop(&f);
}

Test(redis_conn, is_over_when_its_time_is_even_if_bytes_never_end)
{
    struct fake_redis f;
    struct redis_url u;
    struct redis_conn *c;
    redisReply *reply;

    fake_redis_start(&f, FAKE_REDIS_ENDLESS, "$16000000\r\n"); /* within the limit */
    c = open_to(f.url, &u);
    cr_expect_eq(say(c, "GET", 1, &reply), ERR_UNAVAILABLE);
    cr_expect_not_null(strstr(err_text(), "in time"), "%s", err_text());
    redis_conn_close(c);
    redis_url_done(&u);
    fake_redis_stop(&f);
}

Test(redis_conn, takes_no_more_than_the_limit)
{
    struct fake_redis f;
    struct redis_url u;
    struct redis_conn *c;
    redisReply *reply;

    fake_redis_start(&f, FAKE_REDIS_ENDLESS, "$500000000\r\n");
    c = open_to(f.url, &u);
    cr_expect_eq(say(c, "GET", 60000, &reply), ERR_UNAVAILABLE);
    cr_expect_not_null(strstr(err_text(), "more than"), "%s", err_text());
    redis_conn_close(c);
    redis_url_done(&u);
    fake_redis_stop(&f);
}

Test(redis_conn, two_replies_to_one_command_make_it_useless)
{
    struct fake_redis f;
    struct redis_url u;
    struct redis_conn *c;
    redisReply *reply;

    fake_redis_start(&f, FAKE_REDIS_REPLY, "+PONG\r\n$5\r\nOTHER\r\n");
    c = open_to(f.url, &u);
    cr_assert_eq(say(c, "PING", 5000, &reply), ERR_OK);
    freeReplyObject(reply);
    cr_expect(!redis_conn_is_idle(c));
    redis_conn_close(c);
    redis_url_done(&u);
    fake_redis_stop(&f);
}

Test(redis_conn, logs_in_and_never_says_its_password)
{
    struct redis_server s;
    struct redis_url u;
    struct redis_conn *c;
    char wrong[128];

    REDIS_OR_SKIP();
    redis_server_start(&s, REDIS_TEST_PASSWORD);
    c = open_to(s.safe_url, &u);
    cr_expect_not_null(c, "%s", err_text());
    redis_conn_close(c);
    redis_url_done(&u);
    snprintf(wrong, sizeof wrong, "redis://ann:mellon@127.0.0.1:%d", s.port);
    c = open_to(wrong, &u);
    cr_expect_null(c);
    cr_expect_not_null(strstr(err_text(), "password"));
    cr_expect_null(strstr(err_text(), "mellon"));
    redis_url_done(&u);
    redis_server_stop(&s);
}

Test(redis_conn, a_server_that_repeats_the_password_does_not_get_it_shown)
{
    struct fake_redis f;
    struct redis_url u;
    char url[96];

    fake_redis_start(&f, FAKE_REDIS_REPLY, "-ERR mellon is not the word\r\n");
    snprintf(url, sizeof url, "redis://:mellon@127.0.0.1:%d", f.port);
    cr_expect_null(open_to(url, &u));
    cr_expect_null(strstr(err_text(), "mellon"), "%s", err_text());
    redis_url_done(&u);
    fake_redis_stop(&f);
}

Test(redis_conn, a_database_that_is_not_there_is_a_failure)
{
    struct redis_server s;
    struct redis_url u;
    char url[96];

    REDIS_OR_SKIP();
    redis_server_start(&s, "");
    snprintf(url, sizeof url, "redis://127.0.0.1:%d/9999", s.port);
    cr_expect_null(open_to(url, &u));
    cr_expect_not_null(strstr(err_text(), "database"));
    redis_url_done(&u);
    redis_server_stop(&s);
}
