#include "server/exchange.h"

#include "support/live.h"

static void note(void *order)
{
    strcat(order, "x");
}

static void note_last(void *order)
{
    strcat(order, "y");
}

Test(exchange, what_was_deferred_last_is_called_first_when_the_last_hold_goes)
{
    struct request *r = request_new(NULL, NULL, false, 1);
    char order[8] = "";

    request_defer(r, note, order);
    request_defer(r, note_last, order);
    request_hold(r);
    request_release(r);
    cr_expect_str_eq(order, "");
    request_release(r);
    cr_expect_str_eq(order, "yx");
}

Test(exchange, every_reply_has_an_id_and_its_length)
{
    struct live l;
    char *reply;

    LIVE_OPEN(&l, NULL);
    reply = live_raw(&l, "GET /healthz HTTP/1.0\r\nx-request-id: mine\r\n\r\n");
    cr_expect(strstr(reply, "x-request-id: mine\r\n"));
    cr_expect(strstr(reply, "Content-Length: 15\r\n"));
    cr_expect(strstr(reply, "\r\n\r\n{\"status\":\"ok\"}"));
    mem_free(reply);
    reply = live_raw(&l, "DELETE /cache HTTP/1.1\r\nHost: localhost\r\n\r\n");
    cr_expect(strstr(reply, "HTTP/1.1 204 No Content"));
    cr_expect_null(strstr(reply, "Content-Length"));
    mem_free(reply);
    live_close(&l);
}
