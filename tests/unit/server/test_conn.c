#include "server/conn.h"

#include "support/live.h"
#include "support/log_lines.h"

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

/* What one that is let in gets; "" of one that is closed. */
static char *probe(const struct live *l)
{
    return live_raw(l, GET);
}

Test(conn, an_address_has_so_many_connections_where_that_is_set)
{
    struct live l;
    char *reply;
    int first, second;

    if (!world_model())
        cr_skip_test("needs the model (make model, or RAGD_MODEL_PATH)");
    world_open(&l.world);
    l.world.config.limits.per_address = 2;
    world_reopen(&l.world);
    live_start(&l, NULL);
    first = live_connect(&l);
    second = live_connect(&l);
    reply = probe(&l);
    cr_expect(strstr(reply, "HTTP/1.1 503"), "%s", reply);
    cr_expect(strstr(reply, "limits.connections_per_address"));
    mem_free(reply);
    close(first);
    for (bool in = false; !in; mem_free(reply)) { /* once it is seen to have left */
        reply = probe(&l);
        in = strstr(reply, "HTTP/1.1 200") != NULL;
    }
    close(second);
    live_close(&l);
}

#define ASK                                                                                        \
    "POST /query HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"                \
    "Content-Length: 33\r\n\r\n{\"question\":\"What do frogs eat?\"}"
#define N_ASKED 600

/* A reply from the cache goes out in pieces that are not ours: what the socket does not take at
 * once must be kept, from the right byte on. */
Test(conn, a_client_that_reads_late_gets_every_cached_reply_whole)
{
    struct live l;
    struct buf asked = {0};
    int fd, small = 65536;
    char *replies;
    size_t n = 0;

    LIVE_OPEN(&l, NULL);
    world_put(&l.world, "frogs", "Frogs eat flies and other insects.", NULL);
    mem_free(live_raw(&l, ASK));
    for (int i = 0; i < N_ASKED; i++)
        buf_add_str(&asked, ASK);
    fd = live_connect(&l);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    replies = live_talk(fd, buf_view(&asked));
    for (const char *at = replies; (at = strstr(at, "HTTP/1.1 200 OK\r\n")); n++) {
        const char *body = strstr(at, "\r\n\r\n") + 4;
        size_t length = strtoul(strstr(at, "Content-Length: ") + 16, NULL, 10);
        json_t *j = json_loadb(body, length, 0, NULL);

        cr_assert(json_is_object(j), "reply %zu: %.*s", n, (int)length, body);
        json_decref(j);
        at = body + length;
    }
    cr_expect_eq(n, N_ASKED);
    mem_free(replies);
    buf_done(&asked);
    live_close(&l);
}

/* All of it is there, and the client gone, before the server looks. */
static void reset_after(const struct live *l, const char *bytes)
{
    struct linger at_once = {1, 0};
    int fd = live_connect(l);

    cr_assert_eq(send(fd, bytes, strlen(bytes), MSG_NOSIGNAL), (ssize_t)strlen(bytes));
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(fd);
}

#define HALF_ASKED                                                                                 \
    "POST /query HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"                \
    "Content-Length: 33\r\nx-request-id: halfway\r\n\r\n{\"question\":"

Test(conn, a_client_that_leaves_in_the_middle_of_a_body_is_in_the_log)
{
    struct log_lines log;
    struct live l;
    const char *text;
    int fd;

    WORLD_OPEN(&l.world);
    log_lines_begin(&log, LOG_INFO);
    live_start(&l, NULL);
    fd = live_connect(&l);
    cr_assert_eq(send(fd, HALF_ASKED, strlen(HALF_ASKED), 0), (ssize_t)strlen(HALF_ASKED));
    close(fd);
    live_close(&l);
    text = log_lines_end(&log);
    cr_expect_eq(log_lines_count(text, "\"event\":\"request\""), 1, "%s", text);
    cr_expect(strstr(text, "\"route\":\"/query\",\"status\":499,"), "%s", text);
    cr_expect(strstr(text, "\"bytes_in\":12,"), "%s", text);
    cr_expect(strstr(text, "\"request_id\":\"halfway\""), "%s", text);
}

/* A write that fails ends the connection in the middle of the reply. */
Test(conn, a_client_that_resets_before_its_reply_ends_its_request_once)
{
    struct live l;
    struct server_options o = {.listen = "127.0.0.1:0", .ready_fd = -1};

    WORLD_OPEN(&l.world);
    cr_assert_eq(server_new(&l.server, l.world.engine, &o), ERR_OK, "%s", err_text());
    for (int i = 0; i < 4; i++) {
        reset_after(&l, GET);
        reset_after(&l, "GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n");
        reset_after(&l, "GARBAGE\r\n\r\n");
        reset_after(&l, ASK);
    }
    cr_assert_eq(pthread_create(&l.thread, NULL, live_main, l.server), 0);
    cr_expect_eq(live_status(&l, "GET", "/healthz", NULL), 200);
    live_close(&l);
}
