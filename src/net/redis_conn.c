#include "net/redis_conn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"

#define HEAD_MAX 64 /* bytes around a text in a reply */

#if HIREDIS_MAJOR < 1
typedef int list_size;
#else
typedef size_t list_size;
#endif

struct redis_conn {
    redisContext *ctx;
    redisReplyObjectFunctions functions; /* hiredis's, without lists */
    const struct redis_url *url;
    const char *shown;
};

int64_t redis_now_ms(void)
{
    return (int64_t)(clock_ns() / 1000000);
}

/* ---- waiting ---- */

/* The time is looked at first: with a server that never stops there is always something to read. */
static int wait_for(struct redis_conn *c, short events, int64_t until_ms)
{
    for (;;) {
        int64_t left = until_ms - redis_now_ms();
        struct pollfd p = {c->ctx->fd, events, 0};
        int n;

        if (left <= 0)
            return FAIL(ERR_UNAVAILABLE, "%s did not answer in time", c->shown);
        n = poll(&p, 1, (int)left);
        if (n > 0)
            return ERR_OK;
        if (n < 0 && errno != EINTR)
            return FAIL(ERR_UNAVAILABLE, "%s: %s", c->shown, strerror(errno));
    }
}

/* Not hiredis's own write: it would raise SIGPIPE in a program that did not expect one. */
static int send_all(struct redis_conn *c, const char *p, size_t n, int64_t until_ms)
{
    int rc = ERR_OK;

    for (size_t at = 0; at < n;) {
        ssize_t sent = send(c->ctx->fd, p + at, n - at, MSG_NOSIGNAL);

        if (sent >= 0)
            at += (size_t)sent;
        else if (errno == EAGAIN)
            TRY(wait_for(c, POLLOUT, until_ms));
        else if (errno != EINTR)
            return FAIL(ERR_UNAVAILABLE, "%s: %s", c->shown, strerror(errno));
    }
out:
    return rc;
}

static int broken(struct redis_conn *c)
{
    return FAIL(ERR_UNAVAILABLE, "%s: %s", c->shown,
                c->ctx->err ? c->ctx->errstr : "it ends in the middle of a reply");
}

static int receive(struct redis_conn *c, int64_t until_ms, redisReply **out)
{
    int rc = ERR_OK;
    void *reply = NULL;

    for (;;) {
        if (redisGetReplyFromReader(c->ctx, &reply) != REDIS_OK)
            return broken(c);
        if (reply)
            break;
        if (c->ctx->reader->len > REDIS_VALUE_MAX + HEAD_MAX)
            return FAIL(ERR_UNAVAILABLE, "%s: a reply of more than %zu bytes", c->shown,
                        REDIS_VALUE_MAX);
        TRY(wait_for(c, POLLIN, until_ms));
        if (redisBufferRead(c->ctx) != REDIS_OK)
            return broken(c);
    }
    *out = reply;
out:
    return rc;
}

int redis_conn_call(struct redis_conn *c, const struct str *words, size_t n, int64_t until_ms,
                    redisReply **out)
{
    int rc = ERR_OK, n_bytes;
    const char *at[REDIS_WORDS_MAX];
    size_t sizes[REDIS_WORDS_MAX];
    char *command = NULL;

    CHECK(n >= 1 && n <= REDIS_WORDS_MAX);
    for (size_t i = 0; i < n; i++) {
        at[i] = words[i].p;
        sizes[i] = words[i].n;
    }
    n_bytes = redisFormatCommandArgv(&command, (int)n, at, sizes);
    if (n_bytes < 0)
        return FAIL(ERR_UNAVAILABLE, "%s: a command has no room", c->shown);
    TRY(send_all(c, command, (size_t)n_bytes, until_ms));
    TRY(receive(c, until_ms, out));
out:
    redisFreeCommand(command);
    return rc;
}

bool redis_conn_is_idle(struct redis_conn *c)
{
    struct pollfd p = {c->ctx->fd, POLLIN | POLLRDHUP, 0};

    /* A second reply to one command would be taken for the next one's. */
    return c->ctx->reader->pos == c->ctx->reader->len && poll(&p, 1, 0) == 0;
}

/* ---- connecting ---- */

static struct timeval time_until(int64_t until_ms)
{
    int64_t left = until_ms - redis_now_ms();

    left = left > 1 ? left : 1;
    return (struct timeval){left / 1000, left % 1000 * 1000};
}

static void *refuse_list(const redisReadTask *task, list_size n)
{
    (void)task, (void)n;
    return NULL; /* hiredis ends the reading with an error */
}

static int connect_to(struct redis_conn *c, int64_t until_ms)
{
    struct timeval within = time_until(until_ms);
    int flags;

    c->ctx = c->url->path ? redisConnectUnixWithTimeout(c->url->path, within)
                          : redisConnectWithTimeout(c->url->host, c->url->port, within);
    if (!c->ctx)
        return FAIL(ERR_UNAVAILABLE, "%s: no memory for a connection", c->shown);
    if (c->ctx->err)
        return FAIL(ERR_UNAVAILABLE, "%s: %s", c->shown, c->ctx->errstr);
    flags = fcntl(c->ctx->fd, F_GETFL);
    if (flags < 0 || fcntl(c->ctx->fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
        fcntl(c->ctx->fd, F_SETFD, FD_CLOEXEC) < 0)
        return FAIL(ERR_UNAVAILABLE, "%s: %s", c->shown, strerror(errno));
    c->ctx->flags &= ~REDIS_BLOCK;
    c->functions = *c->ctx->reader->fn;
    c->functions.createArray = refuse_list;
    c->ctx->reader->fn = &c->functions;
    return ERR_OK;
}

/* What a server says on login may repeat what it was told; our own words do not. */
static int expect_ok(struct redis_conn *c, const struct str *words, size_t n, const char *refused,
                     int64_t until_ms)
{
    int rc = ERR_OK;
    redisReply *reply = NULL;

    TRY(redis_conn_call(c, words, n, until_ms, &reply));
    if (reply->type != REDIS_REPLY_STATUS || strcmp(reply->str, "OK") != 0)
        rc = FAIL(ERR_UNAVAILABLE, "%s %s", c->shown, refused);
out:
    freeReplyObject(reply);
    return rc;
}

static int log_in(struct redis_conn *c, int64_t until_ms)
{
    int rc = ERR_OK;
    const struct redis_url *u = c->url;
    struct str words[3] = {STR_LIT("AUTH")};
    size_t n = 1;
    char number[16];

    if (u->password) {
        if (u->user)
            words[n++] = str_of(u->user);
        words[n++] = str_of(u->password);
        TRY(expect_ok(c, words, n, "refuses the user or the password of its URL", until_ms));
    }
    if (u->database) {
        words[0] = STR_LIT("SELECT");
        snprintf(number, sizeof number, "%d", u->database);
        words[1] = str_of(number);
        TRY(expect_ok(c, words, 2, "does not give the database of its URL", until_ms));
    }
out:
    return rc;
}

int redis_conn_open(struct redis_conn **out, const struct redis_url *url, const char *shown,
                    int64_t until_ms)
{
    int rc = ERR_OK;
    struct redis_conn *c = mem_calloc(1, sizeof *c);

    c->url = url;
    c->shown = shown;
    TRY(connect_to(c, until_ms));
    TRY(log_in(c, until_ms));
    *out = c;
    c = NULL;
out:
    redis_conn_close(c);
    return rc;
}

void redis_conn_close(struct redis_conn *c)
{
    if (!c)
        return;
    redisFree(c->ctx); /* NULL is fine */
    mem_free(c);
}
