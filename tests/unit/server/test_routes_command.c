#include "server/routes.h"

#include "server/command_client.h"
#include "server/local_socket.h"
#include "support/live.h"

static int never(struct engine *e, const struct command_call *call)
{
    (void)e;
    (void)call;
    return 9;
}

/* A raw call: the status of the reply. */
static int call(const struct live *l, const char *body)
{
    struct buf b = {0};
    int fd = local_socket_connect(l->world.config.data), status = 0;
    char *reply;

    cr_assert_geq(fd, 0, "%s", err_text());
    buf_addf(&b,
             "POST /-/command HTTP/1.0\r\nContent-Type: application/json\r\n"
             "Content-Length: %zu\r\n\r\n%s",
             strlen(body), body);
    reply = live_talk(fd, buf_view(&b));
    sscanf(reply, "HTTP/1.1 %d", &status);
    mem_free(reply);
    buf_done(&b);
    return status;
}

Test(routes_command, ill_formed_calls_are_refused)
{
    struct live l;

    LIVE_OPEN(&l, never);
    cr_expect_eq(call(&l, "[]"), 400);
    cr_expect_eq(call(&l, "{}"), 400);
    cr_expect_eq(call(&l, "{\"argv\":[],\"cwd\":\"/\"}"), 400);
    cr_expect_eq(call(&l, "{\"argv\":[1],\"cwd\":\"/\"}"), 400);
    cr_expect_eq(call(&l, "{\"argv\":[\"x\"],\"cwd\":\"relative\"}"), 400);
    cr_expect_eq(call(&l, "{\"argv\":[\"x\"],\"cwd\":\"/\",\"more\":1}"), 400);
    cr_expect_eq(live_status(&l, "POST", "/-/command", "{}"), 404, "not over TCP");
    live_close(&l);
}

Test(routes_command, a_server_without_commands_says_so)
{
    struct live l;

    LIVE_OPEN(&l, NULL);
    cr_expect_eq(call(&l, "{\"argv\":[\"x\"],\"cwd\":\"/\"}"), 501);
    live_close(&l);
}
