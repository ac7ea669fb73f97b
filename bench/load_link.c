#include "load_link.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"

#define READ_BYTES 65536

/* ---- the reply ---- */

static int on_field(http_parser *p, const char *at, size_t n)
{
    struct link *c = p->data;

    c->in_retry_after = str_eq_nocase((struct str){at, n}, STR_LIT("retry-after"));
    return 0;
}

static int on_value(http_parser *p, const char *at, size_t n)
{
    struct link *c = p->data;
    char number[24] = "", *end;
    double s;

    if (!c->in_retry_after || n == 0 || n >= sizeof number)
        return 0;
    memcpy(number, at, n);
    s = strtod(number, &end);
    if (end == number + n && s >= 0)
        c->reply.retry_after_s = s;
    return 0;
}

static int on_body(http_parser *p, const char *at, size_t n)
{
    struct link *c = p->data;

    (void)at;
    if (n > 0 && c->reply.first_byte_ns == 0)
        c->reply.first_byte_ns = clock_ns();
    return 0;
}

/* 100 Continue and its like come before the reply. */
static int on_whole(http_parser *p)
{
    struct link *c = p->data;

    if (p->status_code < 200)
        return 0;
    c->reply.status = (int)p->status_code;
    c->reply.whole = true;
    c->keep = http_should_keep_alive(p);
    http_parser_pause(p, 1);
    return 0;
}

static const http_parser_settings PARSE = {.on_header_field = on_field,
                                           .on_header_value = on_value,
                                           .on_body = on_body,
                                           .on_message_complete = on_whole};

/* ---- the connection ---- */

static int not_opened(struct link *c, int code, const char *call)
{
    int why = errno;

    link_close(c);
    return FAIL(code, "%s: %s", call, strerror(why));
}

int link_open(struct link *c, const struct sockaddr_in *to, int epoll)
{
    /* Edge-triggered: an epoll_ctl a connection, none a request. */
    struct epoll_event watch = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = c};
    int on = 1;

    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (c->fd < 0)
        return FAIL(ERR_IO, "socket: %s", strerror(errno));
    c->state = LINK_CONNECTING;
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(c->fd, (const struct sockaddr *)to, sizeof *to) < 0 && errno != EINPROGRESS)
        return not_opened(c, ERR_UNAVAILABLE, "connect");
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &watch) < 0)
        return not_opened(c, ERR_IO, "epoll_ctl");
    return ERR_OK;
}

void link_close(struct link *c)
{
    if (c->state != LINK_DOWN)
        close(c->fd);
    c->state = LINK_DOWN;
}

static enum link_event lose(struct link *c, enum link_event what)
{
    link_close(c);
    return what;
}

static enum link_event connected(struct link *c)
{
    int why = 0;
    socklen_t n = sizeof why;

    getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &why, &n);
    if (why)
        return lose(c, LINK_LOST);
    c->state = LINK_IDLE;
    return LINK_UP;
}

static void send_more(struct link *c)
{
    while (c->unsent.n > 0) {
        ssize_t n = send(c->fd, c->unsent.p, c->unsent.n, MSG_NOSIGNAL);

        if (n < 0)
            return; /* full: EPOLLOUT follows; broken: reading tells */
        c->unsent = str_sub(c->unsent, (size_t)n, c->unsent.n);
    }
}

void link_send(struct link *c, struct str request)
{
    http_parser_init(&c->parser, HTTP_RESPONSE);
    c->parser.data = c;
    c->reply = (struct link_reply){.retry_after_s = -1};
    c->in_retry_after = false;
    c->unsent = request;
    c->state = LINK_BUSY;
    send_more(c);
}

/* n 0: the other side has closed, which ends a reply that has no length. */
static enum link_event take(struct link *c, const char *p, size_t n)
{
    size_t used = http_parser_execute(&c->parser, &PARSE, p, n);

    if (!c->reply.whole && n == 0)
        return lose(c, LINK_LOST);
    if (!c->reply.whole)
        return HTTP_PARSER_ERRNO(&c->parser) == HPE_OK ? LINK_NOTHING : lose(c, LINK_BROKEN);
    if (used < n)
        return lose(c, LINK_BROKEN);
    c->state = LINK_IDLE;
    /* A reply may come before all of the request was read, and the rest is then not sent. */
    if (!c->keep || n == 0 || c->unsent.n > 0)
        link_close(c);
    return LINK_REPLIED;
}

/* `closed`: their end is to be expected behind the bytes, and no other event tells of it. */
static enum link_event read_more(struct link *c, bool closed)
{
    static char bytes[READ_BYTES];
    enum link_event what = LINK_NOTHING;
    ssize_t n;

    do {
        n = recv(c->fd, bytes, sizeof bytes, 0);
        if (n < 0)
            return errno == EAGAIN ? LINK_NOTHING : lose(c, LINK_LOST);
        if (c->state == LINK_IDLE)
            return lose(c, n == 0 ? LINK_LOST : LINK_BROKEN);
        c->reply.n_bytes += (uint64_t)n;
        what = take(c, bytes, (size_t)n);
    } while (what == LINK_NOTHING && (closed || (size_t)n == sizeof bytes));
    if (what == LINK_REPLIED && closed)
        link_close(c);
    return what;
}

enum link_event link_on_event(struct link *c, uint32_t events)
{
    const uint32_t ended = EPOLLRDHUP | EPOLLHUP | EPOLLERR;

    if (c->state == LINK_DOWN)
        return LINK_NOTHING;
    if (c->state == LINK_CONNECTING)
        return events & (EPOLLOUT | ended) ? connected(c) : LINK_NOTHING;
    if (events & EPOLLOUT && c->state == LINK_BUSY)
        send_more(c);
    return events & (EPOLLIN | ended) ? read_more(c, events & ended) : LINK_NOTHING;
}
