#include "server/command_client.h"

#include <stdatomic.h>

#include "server/local_socket.h"
#include "support/live.h"

/* Prints its words, or much, or waits until its caller has gone. */
static int perform(struct engine *e, const struct command_call *call)
{
    (void)e;
    if (strcmp(call->argv[0], "much") == 0)
        for (int i = 0; i < 100000 && !*call->cancelled; i++)
            fprintf(call->out, "line %d of a command that prints a lot\n", i);
    if (strcmp(call->argv[0], "wait") == 0) {
        fprintf(call->err, "waiting\n");
        while (!*call->cancelled)
            usleep(1000);
    }
    for (int i = 0; i < call->argc; i++)
        fprintf(call->out, "[%s]", call->argv[i]);
    fprintf(call->err, "cwd %s terminal %d", call->cwd, call->terminal);
    return 3;
}

static int forward(const struct live *l, char *word, char **out, char **err, int *code)
{
    char *argv[] = {word, (char[]){"two words"}, NULL};
    size_t n_out, n_err;
    struct command_call call = {
        .argc = 2,
        .argv = argv,
        .cwd = "/tmp",
        .terminal = true,
        .out = open_memstream(out, &n_out),
        .err = open_memstream(err, &n_err),
    };
    int rc = command_forward(l->world.config.data, &call, code);

    fclose(call.out);
    fclose(call.err);
    return rc;
}

Test(command_client, gets_output_errors_and_the_exit_code)
{
    struct live l;
    char *out, *err, word[] = "one";
    int code = -1;

    LIVE_OPEN(&l, perform);
    cr_expect_eq(forward(&l, word, &out, &err, &code), ERR_OK, "%s", err_text());
    cr_expect_eq(code, 3);
    cr_expect_str_eq(out, "[one][two words]");
    cr_expect_str_eq(err, "cwd /tmp terminal 1");
    free(out);
    free(err);
    live_close(&l);
}

Test(command_client, gets_all_of_a_long_output)
{
    struct live l;
    char *out, *err, word[] = "much";
    int code = -1;

    LIVE_OPEN(&l, perform);
    cr_expect_eq(forward(&l, word, &out, &err, &code), ERR_OK, "%s", err_text());
    cr_expect(strstr(out, "line 99999 of"));
    cr_expect(str_ends(str_of(out), STR_LIT("[much][two words]")));
    free(out);
    free(err);
    live_close(&l);
}

Test(command_client, a_caller_that_leaves_cancels)
{
    struct live l;
    const char *body = "{\"argv\":[\"wait\"],\"cwd\":\"/\"}";
    struct buf b = {0};
    int fd;

    LIVE_OPEN(&l, perform);
    fd = local_socket_connect(l.world.config.data);
    buf_addf(&b,
             "POST /-/command HTTP/1.0\r\nContent-Type: application/json\r\n"
             "Content-Length: %zu\r\n\r\n%s",
             strlen(body), body);
    cr_assert_eq(send(fd, b.p, b.n, 0), (ssize_t)b.n);
    cr_expect_gt(recv(fd, b.p, 1, 0), 0, "it has begun");
    close(fd);
    buf_done(&b);
    live_close(&l); /* would wait for ever for a command that was not told */
    cr_expect(true);
}

Test(command_client, nobody_there)
{
    struct command_call call = {.cwd = "/"};
    int code;

    cr_expect_eq(command_forward("/nonexistent", &call, &code), ERR_NOT_FOUND);
}

Test(command_client, a_refusal_has_the_servers_reason)
{
    struct live l;
    char *out, *err, word[] = "one";
    int code;

    LIVE_OPEN(&l, NULL);
    cr_expect_eq(forward(&l, word, &out, &err, &code), ERR_UNAVAILABLE);
    cr_expect(strstr(err_text(), "carries out no commands"), "%s", err_text());
    free(out);
    free(err);
    live_close(&l);
}
