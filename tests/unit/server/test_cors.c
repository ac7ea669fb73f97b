#include "server/cors.h"

#include "support/live.h"

#define PAGE "https://a.example"

static void open_with(struct live *l, const char *origins)
{
    WORLD_OPEN(&l->world);
    strcpy(l->world.config.server.cors_origins, origins);
    world_reopen(&l->world);
    live_start(l, NULL);
}

static char *call(const struct live *l, const char *line, const char *head, const char *body)
{
    struct buf b = {0};
    char *reply;

    buf_addf(&b, "%s HTTP/1.1\r\nHost: localhost\r\n%s", line, head);
    if (body)
        buf_addf(&b, "Content-Type: application/json\r\nContent-Length: %zu\r\n", strlen(body));
    buf_addf(&b, "\r\n%s", body ? body : "");
    reply = live_raw(l, b.p);
    buf_done(&b);
    return reply;
}

#define expect_reply(l, line, head, body, want, not_wanted)                                        \
    do {                                                                                           \
        char *reply_ = call((l), (line), (head), (body));                                          \
        cr_expect_not_null(strstr(reply_, (want)), "'%s' is not in\n%s", (want), reply_);          \
        cr_expect_null(strstr(reply_, (not_wanted)), "'%s' is in\n%s", (not_wanted), reply_);      \
        mem_free(reply_);                                                                          \
    } while (0)

#define ORIGIN(page) "Origin: " page "\r\n"
#define WANTS_POST   "Access-Control-Request-Method: POST\r\n"
#define QUESTION     "{\"question\":\"What do frogs eat?\"}"

Test(cors, is_off)
{
    struct live l;

    open_with(&l, "");
    expect_reply(&l, "OPTIONS /query", ORIGIN(PAGE) WANTS_POST, NULL, "405", "Access-Control");
    expect_reply(&l, "GET /healthz", ORIGIN(PAGE), NULL, "200", "Vary");
    expect_reply(&l, "POST /query", ORIGIN(PAGE), QUESTION, "403", "Access-Control");
    live_close(&l);
}

Test(cors, a_listed_page_may_call_and_read)
{
    struct live l;

    open_with(&l, "http://b.example:81, " PAGE);
    expect_reply(&l, "POST /query", ORIGIN(PAGE), QUESTION,
                 "Access-Control-Allow-Origin: " PAGE "\r\n", "403");
    expect_reply(&l, "POST /query", ORIGIN(PAGE), "{",
                 "Access-Control-Expose-Headers: x-request-id", "200 OK");
    expect_reply(&l, "GET /nowhere", ORIGIN("http://b.example:81"), NULL,
                 "Access-Control-Allow-Origin: http://b.example:81\r\n", "200 OK");
    expect_reply(&l, "GET /healthz", "", NULL, "Vary: Origin\r\n", "Access-Control");
    live_close(&l);
}

Test(cors, others_may_not)
{
    struct live l;

    open_with(&l, PAGE);
    expect_reply(&l, "POST /query", ORIGIN("https://evil.example"), QUESTION, "403",
                 "Access-Control");
    expect_reply(&l, "OPTIONS /query", ORIGIN("https://evil.example") WANTS_POST, NULL, "405",
                 "Access-Control");
    live_close(&l);
}

Test(cors, a_preflight_says_what_may_be_sent)
{
    struct live l;

    open_with(&l, PAGE);
    expect_reply(&l, "OPTIONS /query", ORIGIN(PAGE) WANTS_POST, NULL, "204 No Content",
                 "Content-Length");
    expect_reply(&l, "OPTIONS /documents/a/b", ORIGIN(PAGE) WANTS_POST, NULL,
                 "Access-Control-Allow-Headers: authorization, ", "Private-Network");
    expect_reply(&l, "OPTIONS /query",
                 ORIGIN(PAGE) WANTS_POST "Access-Control-Request-Private-Network: true\r\n", NULL,
                 "Access-Control-Allow-Private-Network: true\r\n", "405");
    expect_reply(&l, "OPTIONS /nowhere", ORIGIN(PAGE) WANTS_POST, NULL, "404", "Max-Age");
    expect_reply(&l, "OPTIONS /query", ORIGIN(PAGE), NULL, "405", "Max-Age");
    expect_reply(&l, "OPTIONS /query", ORIGIN(PAGE) WANTS_POST "Content-Length: 2\r\n", NULL, "405",
                 "Max-Age");
    live_close(&l);
}

Test(cors, the_connection_goes_on_after_a_preflight)
{
    struct live l;

    open_with(&l, PAGE);
    expect_reply(&l,
                 "OPTIONS /query HTTP/1.1\r\nHost: localhost\r\n" ORIGIN(PAGE) WANTS_POST
                 "\r\nGET /healthz",
                 ORIGIN(PAGE), NULL, "\"status\":\"ok\"", "close");
    live_close(&l);
}

Test(cors, all_may_where_the_setting_says_so)
{
    struct live l;

    open_with(&l, "*");
    expect_reply(&l, "POST /query", ORIGIN("https://whoever.example"), QUESTION,
                 "Access-Control-Allow-Origin: *\r\n", "Vary");
    live_close(&l);
}
