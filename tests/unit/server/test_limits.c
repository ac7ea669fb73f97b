#include "server/limits.h"

#include "engine/keys.h"
#include "support/live.h"

/* A server whose one key has these limits. */
struct keyed {
    struct live live;
    char key[KEY_TEXT_BYTES];
    int64_t id;
};

static void keyed_start(struct keyed *k, struct key_limits limits)
{
    struct key_spec spec = {.name = "", .tenant = "default", .role = "read", .limits = limits};

    cr_assert_eq(keys_add(k->live.world.engine->keys, &spec, k->key, &k->id), ERR_OK, "%s",
                 err_text());
    world_put(&k->live.world, "frogs", "Frogs eat flies and other insects.", NULL);
    live_start(&k->live, NULL);
}

#define KEYED_OPEN(k, ...)                                                                         \
    do {                                                                                           \
        WORLD_OPEN(&(k)->live.world);                                                              \
        keyed_start((k), (struct key_limits){__VA_ARGS__});                                        \
    } while (0)

#define BODY "{\"question\":\"What do frogs eat?\"}"

static void add_request(const struct keyed *k, const char *path, const char *body, struct buf *out)
{
    buf_addf(out,
             "POST %s HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n"
             "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
             path, k->key, strlen(body), body);
}

/* The replies of n such requests on one connection; mem_free it. */
static char *ask_times(const struct keyed *k, int n, const char *path, const char *body)
{
    struct buf b = {0};
    char *reply;

    for (int i = 0; i < n; i++)
        add_request(k, path, body, &b);
    reply = live_talk(live_connect(&k->live), buf_view(&b));
    buf_done(&b);
    return reply;
}

static int count(const char *s, const char *what)
{
    int n = 0;

    for (; (s = strstr(s, what)); s += strlen(what))
        n++;
    return n;
}

Test(limits, who_has_none_is_told_none)
{
    struct keyed k;
    char *reply;

    KEYED_OPEN(&k, 0);
    reply = ask_times(&k, 2, "/query", BODY);
    cr_expect_eq(count(reply, "HTTP/1.1 200 OK"), 2);
    cr_expect_null(strcasestr(reply, "ratelimit"));
    mem_free(reply);
    live_close(&k.live);
}

Test(limits, over_the_limit_is_429_with_its_reason_and_the_connection_stays)
{
    struct keyed k;
    char *reply;

    KEYED_OPEN(&k, 2, 0, 0, 0);
    reply = ask_times(&k, 4, "/query", BODY);
    cr_expect_eq(count(reply, "HTTP/1.1 200 OK"), 2, "%s", reply);
    cr_expect_eq(count(reply, "HTTP/1.1 429 Too Many Requests"), 2, "%s", reply);
    cr_expect_eq(count(reply, "Connection: close"), 0);
    cr_expect_eq(count(reply, "Retry-After: 30\r\n"), 2);
    cr_expect_eq(count(reply, "\"code\":\"rate_limited\""), 2);
    cr_expect_eq(count(reply, "over the limit of 2 requests a minute; try again in 30 s"), 2);
    cr_expect_eq(count(reply, "application/problem+json"), 2);
    mem_free(reply);
    reply = ask_times(&k, 1, "/v1/embeddings", "{\"model\":\"ragd-embedding\",\"input\":\"x\"}");
    cr_expect_eq(count(reply, "\"type\":\"rate_limit_error\""), 1, "%s", reply);
    mem_free(reply);
    live_close(&k.live);
}

Test(limits, every_reply_tells_what_is_left)
{
    struct keyed k;
    char *reply;

    KEYED_OPEN(&k, 60, 30000, 1000000, 9);
    reply = ask_times(&k, 1, "/query", BODY);
    cr_expect(strstr(reply, "\r\nRateLimit-Policy: \"requests\";q=60;w=60, "
                            "\"tokens\";q=30000;w=60, \"day\";q=1000000;w=86400\r\n"),
              "%s", reply);
    cr_expect(strstr(reply, "\r\nRateLimit: \"requests\";r=59;t=1, \"tokens\";r=30000;t=0, "
                            "\"day\";r=1000000;t="),
              "%s", reply);
    cr_expect(strstr(reply, "\r\nx-ratelimit-limit-requests: 60\r\n"));
    cr_expect(strstr(reply, "\r\nx-ratelimit-remaining-requests: 59\r\n"));
    cr_expect(strstr(reply, "\r\nx-ratelimit-reset-requests: 1s\r\n"));
    cr_expect(strstr(reply, "\r\nx-ratelimit-limit-tokens: 30000\r\n"));
    cr_expect(strstr(reply, "\r\nx-ratelimit-remaining-tokens: 30000\r\n"));
    cr_expect(strstr(reply, "\r\nx-ratelimit-reset-tokens: 0s\r\n"));
    mem_free(reply);
    live_close(&k.live);
}

Test(limits, what_the_encoder_read_is_counted_in_the_reply_already)
{
    struct keyed k;
    char *reply;

    KEYED_OPEN(&k, 0, 0, 100, 0);
    reply = ask_times(&k, 3, "/embed", "{\"inputs\":[\"frogs and toads\",\"frogs\"]}");
    cr_expect(strstr(reply, "RateLimit: \"day\";r=91;t="), "%s", reply);
    cr_expect(strstr(reply, "RateLimit: \"day\";r=82;t="));
    cr_expect(strstr(reply, "x-ratelimit-remaining-tokens: 73\r\n"));
    mem_free(reply);
    reply = ask_times(&k, 2, "/query", BODY);
    cr_expect_eq(count(reply, "x-ratelimit-remaining-tokens: 73\r\n"), 2,
                 "quoting takes none, cached or not");
    mem_free(reply);
    live_close(&k.live);
}

Test(limits, tokens_beyond_the_limit_are_waited_for_by_the_next)
{
    struct keyed k;
    char *reply;

    KEYED_OPEN(&k, 0, 6, 0, 0);
    reply = ask_times(&k, 2, "/embed", "{\"inputs\":[\"frogs and toads\",\"frogs\"]}");
    cr_expect_eq(count(reply, "HTTP/1.1 200 OK"), 1, "%s", reply);
    cr_expect(strstr(reply, "RateLimit: \"tokens\";r=0;t=90\r\n"), "%s", reply);
    cr_expect_eq(count(reply, "HTTP/1.1 429"), 1);
    cr_expect_eq(count(reply, "Retry-After: 40\r\n"), 1, "3 beyond and 1, at 6 a minute");
    mem_free(reply);
    live_close(&k.live);
}

/* Pipelined, the second begins when the first is answered. */
Test(limits, one_at_a_time_lets_one_after_the_other_through)
{
    struct keyed k;
    char *reply;

    KEYED_OPEN(&k, 0, 0, 0, 1);
    reply = ask_times(&k, 5, "/query", BODY);
    cr_expect_eq(count(reply, "HTTP/1.1 200 OK"), 5, "%s", reply);
    cr_expect_null(strcasestr(reply, "ratelimit"), "a count of what runs is no quota");
    mem_free(reply);
    live_close(&k.live);
}

Test(limits, what_runs_is_counted_until_its_end)
{
    struct keyed k;
    struct buf half = {0};
    char part[64];
    char *reply;
    int fd;

    KEYED_OPEN(&k, 0, 0, 0, 1);
    add_request(&k, "/query", BODY, &half);
    fd = live_connect(&k.live);
    cr_assert_eq(send(fd, half.p, half.n - 1, MSG_NOSIGNAL), (ssize_t)half.n - 1);
    for (int status = 200; status == 200; mem_free(reply)) { /* until the head has been read */
        reply = ask_times(&k, 1, "/query", BODY);
        cr_assert_eq(sscanf(reply, "HTTP/1.1 %d", &status), 1);
    }
    reply = ask_times(&k, 1, "/query", BODY);
    cr_expect(strstr(reply, "over the limit of 1 requests at once"), "%s", reply);
    mem_free(reply);
    cr_assert_eq(send(fd, half.p + half.n - 1, 1, MSG_NOSIGNAL), 1);
    cr_assert_gt(recv(fd, part, sizeof part, 0), 12);
    cr_expect(strncmp(part, "HTTP/1.1 200", 12) == 0);
    close(fd);
    reply = ask_times(&k, 1, "/query", BODY);
    cr_expect_eq(count(reply, "HTTP/1.1 200"), 1);
    mem_free(reply);
    buf_done(&half);
    live_close(&k.live);
}

Test(limits, a_request_that_never_becomes_whole_is_let_go_of)
{
    struct keyed k;
    struct buf half = {0};
    char *reply;

    KEYED_OPEN(&k, 0, 0, 0, 1);
    add_request(&k, "/query", BODY, &half);
    for (int i = 0; i < 3; i++) {
        reply = live_talk(live_connect(&k.live), (struct str){half.p, half.n - 1});
        cr_expect_str_eq(reply, "");
        mem_free(reply);
    }
    reply = ask_times(&k, 1, "/query", BODY);
    cr_expect_eq(count(reply, "HTTP/1.1 200"), 1, "%s", reply);
    mem_free(reply);
    buf_done(&half);
    live_close(&k.live);
}

Test(limits, a_long_body_that_is_refused_ends_the_connection)
{
    struct keyed k;
    struct buf b = {0};
    char *reply;

    KEYED_OPEN(&k, 1, 0, 0, 0);
    mem_free(ask_times(&k, 1, "/query", BODY));
    buf_addf(&b,
             "POST /query HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n"
             "Content-Type: application/json\r\nContent-Length: 100000\r\n\r\n",
             k.key);
    reply = live_talk(live_connect(&k.live), buf_view(&b));
    cr_expect(strncmp(reply, "HTTP/1.1 429", 12) == 0, "without waiting for it");
    cr_expect(strstr(reply, "Connection: close\r\n"));
    mem_free(reply);
    buf_done(&b);
    live_close(&k.live);
}

Test(limits, probes_cost_nothing_and_what_the_head_refuses_neither)
{
    struct keyed k;
    char *reply;

    KEYED_OPEN(&k, 1, 0, 0, 0);
    cr_expect_eq(live_status(&k.live, "GET", "/healthz", NULL), 200);
    cr_expect_eq(live_status(&k.live, "GET", "/readyz", NULL), 200);
    reply = ask_times(&k, 3, "/healthz", "{}");
    cr_expect_eq(count(reply, "HTTP/1.1 405"), 1);
    mem_free(reply);
    reply = ask_times(&k, 1, "/query", BODY);
    cr_expect_eq(count(reply, "HTTP/1.1 200"), 1);
    mem_free(reply);
    live_close(&k.live);
}

Test(limits, without_keys_all_together_have_the_configurations)
{
    struct live l;
    int status;
    json_t *j;

    if (!world_model())
        cr_skip_test("needs the model (make model, or RAGD_MODEL_PATH)");
    world_open(&l.world);
    l.world.config.limits.requests_per_minute = 2;
    world_reopen(&l.world);
    live_start(&l, NULL);
    cr_expect_eq(live_status(&l, "GET", "/version", NULL), 200);
    cr_expect_eq(live_status(&l, "GET", "/v1/models", NULL), 200);
    cr_expect_eq(live_status(&l, "GET", "/version", NULL), 429);
    cr_expect_eq(live_status(&l, "GET", "/metrics", NULL), 200, "who runs it is not locked out");
    j = live_call(&l, "GET", "/stats", NULL, &status);
    cr_expect_eq(status, 200);
    json_decref(j);
    live_close(&l);
}

static void expect_duration(int64_t ms, const char *text)
{
    struct buf b = {0};

    limits_add_duration(&b, ms);
    cr_expect_str_eq(b.p, text);
    buf_done(&b);
}

Test(limits, durations_are_in_openais_form)
{
    expect_duration(0, "0s");
    expect_duration(6, "6ms");
    expect_duration(1000, "1s");
    expect_duration(8640, "8.64s");
    expect_duration(60000, "1m0s");
    expect_duration(360000, "6m0s");
    expect_duration(86400, "1m26.4s");
    expect_duration(3600500, "1h0m0.5s");
}
