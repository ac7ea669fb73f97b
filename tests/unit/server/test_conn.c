#include "server/conn.h"

#include "support/live.h"

#define GET "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"

static int count(const char *s, const char *what)
{
    int n = 0;

    for (; (s = strstr(s, what)); s += strlen(what))
        n++;
    return n;
}

Test(conn, pipelined_requests_are_answered_one_after_another)
{
    struct live l;
    char *reply;

    LIVE_OPEN(&l, NULL);
    reply = live_raw(&l, GET GET GET GET);
    cr_expect_eq(count(reply, "HTTP/1.1 200 OK"), 4);
    mem_free(reply);
    live_close(&l);
}

Test(conn, nothing_is_read_after_a_refusal)
{
    struct live l;
    char *reply;

    LIVE_OPEN(&l, NULL);
    reply = live_raw(&l, GET "GET / HTTP/1.1\nHost: localhost\r\n\r\n" GET);
    cr_expect_eq(count(reply, "HTTP/1.1 200 OK"), 1);
    cr_expect_eq(count(reply, "HTTP/1.1 400 Bad Request"), 1);
    cr_expect(strstr(reply, "Connection: close"));
    mem_free(reply);
    reply =
        live_raw(&l, "PUT /query HTTP/1.1\r\nHost: localhost\r\nContent-Length: 90\r\n\r\n" GET);
    cr_expect_eq(count(reply, "HTTP/1.1 "), 1, "a body that is not read ends the connection");
    mem_free(reply);
    live_close(&l);
}

Test(conn, half_a_request_gets_nothing)
{
    struct live l;
    char *reply;

    LIVE_OPEN(&l, NULL);
    reply = live_raw(&l, "GET /healthz HT");
    cr_expect_str_eq(reply, "");
    mem_free(reply);
    live_close(&l);
}
