#include "server/conn.h"

#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "engine/engine.h"
#include "server/access.h"
#include "server/cors.h"
#include "server/limits.h"
#include "server/peers.h"
#include "server/routes.h"
#include "server/service.h"
#include "server/tracing.h"

/* A connection that asks nothing more is kept this long. */
#define IDLE_MS 75000
/* While the server stops, a new connection has this long to send its first request: a busy client
 * may be a while between connecting and sending. */
#define FIRST_REQUEST_MS 1500
/* How long what still arrives after the last reply is thrown away, so that a close does not reset
 * the connection under a reply that the client has not read. */
#define LINGER_MS 2000
/* Uploads and downloads must move at least this fast once receive_s has passed. */
#define BYTES_PER_MS_MIN 64 /* about 64 KiB/s */
/* A request over its limits keeps its connection when its body is no longer than this: to close and
 * open one costs both sides more. */
#define OVER_BODY_MAX 65536
/* A body from here on is worth a look at the memory budget before it is read. */
#define ROOM_BODY_MIN 65536
/* What may arrive while a request is being answered before we stop reading. */
#define WAITING_MAX LOOP_READ_BYTES

enum conn_state { HEAD, BODY, BUSY, LINGER, CLOSED };

struct conn {
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } u;
    uv_shutdown_t shutdown;
    struct loop *loop;
    struct conn *next, **at; /* the loop's list */
    enum conn_state state;
    bool local, reading, feeding, eof;
    struct gate gate;
    struct access_memo memo; /* who asked last */
    struct peer peer;        /* whose it is, where that has a bound */
    struct request *request; /* in BODY and BUSY */
    size_t n_body;           /* Content-Length */
    struct buf waiting;      /* came while BUSY: the next requests */
    uint64_t first_ns;       /* first byte of this request; 0: none yet */
    int64_t began_ms;        /* when this request's first byte came */
    int64_t deadline_ms;     /* of the state; 0: none */
    int64_t accepted_ms;     /* 0 after its first request */
    int64_t send_by_ms;      /* what waits to be sent must be gone by then; 0: nothing waits */
};

static const struct config *config_of(const struct conn *c)
{
    return engine_settings(c->loop->service->engine);
}

struct conn *conn_next(const struct conn *c)
{
    return c->next;
}

/* ---- opening and closing ---- */

static void on_closed(uv_handle_t *h)
{
    struct conn *c = h->data;

    gate_done(&c->gate);
    access_forget(&c->memo);
    buf_done(&c->waiting);
    mem_free(c);
}

/* Its handler goes on without a connection; so does a reply whose own write found it broken. */
static void abandon(struct request *r)
{
    r->conn = NULL;
    if (r->answered && !r->streaming)
        return;
    request_hold(r);
    if (!r->dispatched)
        request_left(r);
    else if (r->on_gone)
        r->on_gone(r);
    request_release(r);
}

void conn_abort(struct conn *c)
{
    struct request *r = c->request;

    if (c->state == CLOSED)
        return;
    c->state = CLOSED;
    *c->at = c->next;
    if (c->next)
        c->next->at = c->at;
    atomic_fetch_sub(&c->loop->service->n_connections, 1);
    peers_leave(c->loop->service->peers, &c->peer);
    c->request = NULL;
    uv_close(&c->u.handle, on_closed);
    if (r)
        abandon(r);
}

static void on_alloc(uv_handle_t *h, size_t wanted, uv_buf_t *out)
{
    struct conn *c = h->data;

    (void)wanted;
    *out = uv_buf_init(c->loop->read_buffer, LOOP_READ_BYTES);
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *b);

static void set_reading(struct conn *c, bool on)
{
    if (c->state == CLOSED || c->reading == on || (on && c->eof))
        return;
    c->reading = on;
    if (on)
        uv_read_start(&c->u.stream, on_alloc, on_read);
    else
        uv_read_stop(&c->u.stream);
}

static void on_shutdown(uv_shutdown_t *s, int status)
{
    struct conn *c = s->handle->data;

    if (status < 0 || c->eof)
        conn_abort(c);
}

static void linger(struct conn *c)
{
    if (c->state == CLOSED)
        return;
    c->state = LINGER;
    c->deadline_ms = c->loop->now_ms + LINGER_MS;
    buf_done(&c->waiting);
    uv_shutdown(&c->shutdown, &c->u.stream, on_shutdown);
    set_reading(c, true);
}

/* ---- sending ---- */

struct sending {
    uv_write_t req;
    struct buf bytes;
};

size_t conn_unsent(const struct conn *c)
{
    return uv_stream_get_write_queue_size(&c->u.stream);
}

static void next_request(struct conn *c);

static void on_sent(uv_write_t *w, int status)
{
    struct sending *s = (struct sending *)w;
    struct conn *c = w->handle->data;

    buf_done(&s->bytes);
    mem_free(s);
    if (c->state == CLOSED)
        return;
    if (status < 0) {
        conn_abort(c);
        return;
    }
    if (conn_unsent(c) == 0)
        c->send_by_ms = 0;
    if (c->request && c->request->on_drain)
        c->request->on_drain(c->request);
    else if (c->state == HEAD && c->waiting.n)
        next_request(c);
}

/* What has not gone out at once; taken. */
static void send_later(struct conn *c, struct buf *b, size_t from)
{
    struct sending *s = mem_alloc(sizeof *s);
    uv_buf_t rest = uv_buf_init(b->p + from, (unsigned)(b->n - from));

    s->bytes = *b;
    buf_init(b);
    uv_write(&s->req, &c->u.stream, &rest, 1, on_sent);
    c->send_by_ms = c->loop->now_ms + config_of(c)->limits.receive_s * 1000 +
                    (int64_t)(conn_unsent(c) / BYTES_PER_MS_MIN);
}

/* How much went out; false: the connection is gone. */
static bool send_now(struct conn *c, const uv_buf_t *v, unsigned n, size_t *sent)
{
    int rc = uv_try_write(&c->u.stream, v, n);

    if (rc < 0 && rc != UV_EAGAIN) {
        conn_abort(c);
        return false;
    }
    *sent = rc > 0 ? (size_t)rc : 0;
    return true;
}

void conn_send(struct conn *c, struct buf *b)
{
    uv_buf_t all = uv_buf_init(b->p, (unsigned)b->n);
    size_t sent;

    if (send_now(c, &all, 1, &sent) && sent < b->n)
        send_later(c, b, sent);
    else
        buf_done(b);
}

void conn_send_pieces(struct conn *c, const struct str *pieces, size_t n)
{
    uv_buf_t v[CONN_PIECES_MAX];
    struct buf rest = {0};
    size_t sent;

    CHECK(n > 0);
    CHECK(n <= CONN_PIECES_MAX);
    for (size_t i = 0; i < n; i++)
        v[i] = uv_buf_init((char *)pieces[i].p, (unsigned)pieces[i].n);
    if (!send_now(c, v, (unsigned)n, &sent))
        return;
    for (size_t i = 0; i < n; i++) {
        size_t gone = sent < pieces[i].n ? sent : pieces[i].n;

        buf_add_view(&rest, str_sub(pieces[i], gone, pieces[i].n));
        sent -= gone;
    }
    if (rest.n)
        send_later(c, &rest, 0);
    buf_done(&rest);
}

/* ---- receiving ---- */

static void await_head(struct conn *c)
{
    const struct gate_limits *limits = c->gate.limits;

    gate_done(&c->gate);
    gate_init(&c->gate, limits);
    c->state = HEAD;
    c->first_ns = 0;
    c->n_body = 0;
    c->deadline_ms = c->loop->now_ms + IDLE_MS;
}

/* Answers in place of a handler. What is left of the body would be read as the next request, so
 * the connection ends unless there is none. */
static void refuse(struct conn *c, int status, const char *code, const char *reason)
{
    struct request *r = c->request;

    c->state = BUSY;
    c->deadline_ms = 0;
    r->close_after |= c->n_body > 0;
    reply_problem(r, status, code, "%s", reason);
}

/* For answering what did not become a request. */
static void request_without_head(struct conn *c)
{
    c->request = request_new(c, c->loop, c->local, c->first_ns);
    c->request->close_after = true;
    c->request->head.path = http_path_of(buf_view(&c->gate.head));
}

static void head_refused(struct conn *c)
{
    metrics_count(c->loop->service->metrics, COUNT_BAD_REQUESTS);
    request_without_head(c);
    if (c->gate.status == 405)
        buf_add_str(&c->request->extra, "Allow: " GATE_METHODS "\r\n");
    refuse(c, c->gate.status, "refused", c->gate.reason);
}

/* Another that is answered at once in place of r, whose handler goes on and may write to it: what r
 * would be known by is this one's. It borrows from r, which outlives it. */
static void replace_request(struct conn *c, struct request *r)
{
    struct request *other;

    request_without_head(c);
    other = c->request;
    other->head = r->head;
    other->route = r->route;
    other->caller = r->caller ? caller_ref(r->caller) : NULL;
    other->tracing = r->tracing;
    other->n_received = r->n_received;
    memcpy(other->id, r->id, sizeof r->id);
    cors_add(other);
    other->stands_in = true;
    r->replaced = true;
}

bool conn_end_request(struct conn *c)
{
    struct request *r = c->request;

    if (c->state != BUSY || !r)
        return false;
    if (r->streaming && !r->on_stop)
        return false;
    if (r->streaming) {
        r->on_stop(r); /* frees it */
        return true;
    }
    replace_request(c, r);
    refuse(c, 503, "stopping", STOPPING_TEXT);
    abandon(r);
    return true;
}

/* The request is whole. */
static void dispatch(struct conn *c)
{
    struct request *r = c->request;

    c->state = BUSY;
    c->deadline_ms = 0;
    if (r->deciding)
        return; /* decided() goes on */
    if (r->over) {
        reply_problem(r, 429, "rate_limited", "%s", r->over);
        return;
    }
    r->dispatched = true;
    metrics_adjust(c->loop->service->metrics, GAUGE_REQUESTS, 1);
    request_hold(r);
    r->route->handle(r);
    request_release(r);
}

/* Whether the route takes this body: 0, or a status with the reason in err_text. */
static int check_body(const struct conn *c, const struct request *r)
{
    const struct config *o = config_of(c);
    struct str type = http_field(&r->head, "content-type");
    bool documents = r->route->body == BODY_DOCUMENTS;
    int64_t max = documents ? o->limits.documents_bytes : o->limits.body_bytes;
    int64_t n = c->gate.content_length;

    if (r->route->body == BODY_NONE && n > 0)
        return FAIL(400, "this route takes no body");
    if (n > max)
        return FAIL(413, "a body of %lld bytes is over the limit of %lld (limits.%s)", (long long)n,
                    (long long)max, documents ? "documents_bytes" : "body_bytes");
    if (r->route->body == BODY_NONE || (r->route->body == BODY_JSON_OPTIONAL && n == 0))
        return 0;
    if (!c->gate.has_length)
        return FAIL(411, "this route needs a body, and its Content-Length");
    if (http_media_is(type, "application/json"))
        return 0;
    if (documents && http_media_is(type, "multipart/form-data"))
        return 0;
    return FAIL(415, "Content-Type must be application/json%s",
                documents ? " or multipart/form-data" : "");
}

/* What is large is not even read where there is no room for it, unless it may be one whose reply is
 * kept. */
static int check_room(const struct conn *c, const struct request *r)
{
    if (r->route->body != BODY_DOCUMENTS || c->gate.content_length < ROOM_BODY_MIN ||
        http_field(&r->head, "idempotency-key").p)
        return 0;
    return room_glance(c->loop->service->engine->room) < 0 ? 507 : 0;
}

/* Without keys, a page of another site must not be able to act through a browser on this machine.
 * JSON needs the site's permission there, a multipart form does not: so Origin is looked at. */
static bool is_foreign(const struct conn *c, const struct request *r)
{
    struct str origin = http_field(&r->head, "origin");
    struct str scheme = STR_LIT("http://");

    if (!origin.p || !c->gate.limits->local_hosts_only || str_eq(r->head.method, STR_LIT("GET")) ||
        cors_allows(r))
        return false;
    return !str_starts(origin, scheme) || !gate_host_is_local(str_sub(origin, scheme.n, origin.n));
}

/* Everything that can be decided before the body is read. 0, or a status and err_text. */
static int admit(struct conn *c, struct request *r)
{
    int rc = http_parse_head(buf_view(&r->head_bytes), r->mem, &r->head);

    if (rc < 0) {
        r->close_after = true;
        return http_status_of(rc);
    }
    http_request_id(&c->loop->ids, http_field(&r->head, "x-request-id"), r->id);
    r->close_after = !r->head.keep_alive;
    cors_add(r);
    rc = route_find(r);
    tracing_begin(r);
    if (rc != 0)
        return rc;
    rc = access_admit(r, &c->memo);
    if (rc != 0)
        return rc;
    if (is_foreign(c, r))
        return FAIL(403, "a request from a page of another site (Origin)");
    rc = check_body(c, r);
    return rc != 0 ? rc : check_room(c, r);
}

/* It is answered once its body is here, which is not looked at, if that is soon. */
static void over_limits(struct conn *c, struct request *r)
{
    r->over = arena_strdup(r->mem, err_text());
    if (c->n_body > OVER_BODY_MAX || c->gate.expect_continue)
        refuse(c, 429, "rate_limited", r->over);
    else if (c->n_body == 0)
        dispatch(c);
}

/* Redis has told. */
static void decided(struct request *r, int status)
{
    struct conn *c = r->conn;

    r->deciding = false;
    if (!c || r->answered)
        return;
    if (status == 0 && c->state == BUSY)
        dispatch(c);
    else if (status != 0 && c->state == BUSY)
        reply_problem(r, 429, "rate_limited", "%s", err_text());
    else if (status != 0)
        over_limits(c, r);
}

static const char *refusal_code(int status)
{
    switch (status) {
    case 401: return "invalid_api_key";
    case 403: return "forbidden";
    case 507: return err_name(ERR_NO_SPACE);
    default: return "refused";
    }
}

static void go_on_to_body(struct conn *c, const struct request *r)
{
    struct buf go_on = {0};

    if (c->n_body == 0) {
        dispatch(c);
    } else if (c->gate.expect_continue && r->head.http_minor == 1) {
        buf_add_str(&go_on, "HTTP/1.1 100 Continue\r\n\r\n");
        conn_send(c, &go_on);
    }
}

static void head_complete(struct conn *c)
{
    struct request *r = c->request = request_new(c, c->loop, c->local, c->first_ns);
    int status;

    c->state = BODY;
    r->head_bytes = c->gate.head;
    buf_init(&c->gate.head);
    c->n_body = (size_t)c->gate.content_length;
    status = admit(c, r);
    if (status == 405 && c->n_body == 0 && cors_answer(r)) {
        return; /* no route has OPTIONS */
    } else if (status != 0) {
        refuse(c, status, refusal_code(status), err_text());
        return;
    }
    status = limits_admit(r, decided); /* last: what the head alone refuses takes nothing */
    r->deciding = status == LIMITS_LATER;
    if (status == 429)
        over_limits(c, r);
    else
        go_on_to_body(c, r);
}

static size_t feed_head(struct conn *c, const char *p, size_t n)
{
    size_t used = 0;

    if (!c->first_ns) {
        c->first_ns = clock_ns();
        c->began_ms = c->loop->now_ms;
        c->deadline_ms = c->began_ms + config_of(c)->limits.receive_s * 1000;
    }
    switch (gate_feed(&c->gate, p, n, &used)) {
    case GATE_MORE: break;
    case GATE_PASSED: head_complete(c); break;
    case GATE_REFUSED: head_refused(c); break;
    }
    return used;
}

static size_t feed_body(struct conn *c, const char *p, size_t n)
{
    struct buf *body = &c->request->body;
    size_t left = c->n_body - body->n;
    size_t used = n < left ? n : left;

    buf_add(body, p, used);
    c->request->n_received += used;
    if (body->n == c->n_body)
        dispatch(c);
    return used;
}

/* A reply may be sent from inside, which makes the state HEAD again: `feeding` keeps that from
 * recursing through every pipelined request. */
static void feed(struct conn *c, const char *p, size_t n)
{
    c->feeding = true;
    while (n > 0 && (c->state == HEAD || c->state == BODY)) {
        size_t used;

        if (c->state == HEAD && conn_unsent(c) > (size_t)config_of(c)->limits.output_bytes)
            break; /* replies first: on_sent goes on */
        used = c->state == HEAD ? feed_head(c, p, n) : feed_body(c, p, n);
        p += used;
        n -= used;
    }
    c->feeding = false;
    if (c->state == LINGER || c->state == CLOSED)
        return;
    if (n > 0)
        buf_add(&c->waiting, p, n);
    set_reading(c, c->waiting.n < WAITING_MAX);
    if (c->eof && c->state != BUSY && c->waiting.n == 0)
        linger(c);
}

static void next_request(struct conn *c)
{
    struct buf waiting = c->waiting;

    buf_init(&c->waiting);
    feed(c, waiting.p, waiting.n);
    buf_done(&waiting);
}

void conn_answered(struct conn *c, bool keep_alive)
{
    c->request = NULL;
    if (c->state == CLOSED)
        return;
    if (!keep_alive) {
        linger(c);
        return;
    }
    c->accepted_ms = 0;
    await_head(c);
    if (!c->feeding)
        next_request(c);
}

/* The client has sent all it will. What is being answered, and what waits for that, still gets its
 * reply, unless its route takes the end of input for leaving; half a request gets none. */
static void on_eof(struct conn *c)
{
    set_reading(c, false);
    c->eof = true;
    if (c->state == BUSY && c->request->on_eof)
        c->request->on_eof(c->request);
    else if (c->state == LINGER || (c->state == BUSY && c->request->gone_at_eof))
        conn_abort(c);
    else if (c->state == BUSY || c->waiting.n)
        return;
    else if (conn_unsent(c) == 0)
        conn_abort(c);
    else
        linger(c);
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *b)
{
    struct conn *c = s->data;

    c->loop->now_ms = (int64_t)uv_now(&c->loop->uv);
    if (n == UV_EOF) {
        on_eof(c);
    } else if (n < 0) {
        conn_abort(c);
    } else if (c->state == HEAD && c->waiting.n == 0) {
        feed(c, b->base, (size_t)n);
    } else if (c->state == BODY) {
        feed(c, b->base, (size_t)n);
    } else if (c->state == BUSY || c->state == HEAD) {
        buf_add(&c->waiting, b->base, (size_t)n);
        set_reading(c, c->waiting.n < WAITING_MAX);
    }
}

/* ---- time ---- */

static bool body_is_too_slow(const struct conn *c)
{
    int64_t now = c->loop->now_ms;
    const struct config *o = config_of(c);

    if (now - c->began_ms <= o->limits.receive_s * 1000)
        return false;
    if (c->request->route->body != BODY_DOCUMENTS)
        return true;
    return now - c->began_ms > o->limits.documents_s * 1000 ||
           (int64_t)c->request->body.n < (now - c->began_ms) * BYTES_PER_MS_MIN;
}

static void timed_out(struct conn *c)
{
    metrics_count(c->loop->service->metrics, COUNT_TIMEOUTS);
    if (!c->request)
        request_without_head(c);
    c->request->close_after = true;
    refuse(c, 408, "timeout", "the request was not whole in time (limits.receive_s)");
}

/* While the server stops: nothing has come, and nobody is about to send the request for which this
 * connection was just made. */
static bool may_hang_up(const struct conn *c)
{
    int64_t age_ms = c->loop->now_ms - c->accepted_ms;
    int n_unread = 0;
    uv_os_fd_t fd;

    if (uv_fileno(&c->u.handle, &fd) == 0)
        (void)ioctl(fd, FIONREAD, &n_unread);
    return n_unread == 0 && (c->accepted_ms == 0 || age_ms >= FIRST_REQUEST_MS);
}

void conn_tick(struct conn *c)
{
    int64_t now = c->loop->now_ms;
    bool late = c->deadline_ms && now >= c->deadline_ms;

    if (c->send_by_ms && now >= c->send_by_ms) {
        metrics_count(c->loop->service->metrics, COUNT_TIMEOUTS);
        conn_abort(c);
    } else if (c->state == HEAD && !c->first_ns) {
        if (late || (c->loop->draining && !c->loop->tcp.is_open && !c->loop->local.is_open &&
                     may_hang_up(c)))
            conn_abort(c); /* idle */
    } else if (c->state == HEAD && late) {
        timed_out(c);
    } else if (c->state == BODY && body_is_too_slow(c)) {
        timed_out(c);
    } else if (c->state == LINGER && late && conn_unsent(c) == 0) {
        conn_abort(c);
    } else if (c->state == BUSY && c->request->on_tick) {
        c->request->on_tick(c->request);
    }
}

/* ---- accepting ---- */

static int open_handle(struct conn *c, int fd)
{
    int e;

    if (c->local) {
        e = uv_pipe_init(&c->loop->uv, &c->u.pipe, 0);
        c->u.handle.data = c;
        return e < 0 ? e : uv_pipe_open(&c->u.pipe, fd);
    }
    e = uv_tcp_init(&c->loop->uv, &c->u.tcp);
    c->u.handle.data = c;
    if (e == 0)
        e = uv_tcp_open(&c->u.tcp, fd);
    if (e == 0)
        uv_tcp_nodelay(&c->u.tcp, 1);
    return e;
}

static void refuse_connection(struct conn *c, const char *reason)
{
    metrics_count(c->loop->service->metrics, COUNT_CONNECTIONS_REFUSED);
    c->first_ns = clock_ns();
    request_without_head(c);
    refuse(c, 503, "busy", reason);
}

/* Whether its address may have one more. */
static bool enter_peer(struct conn *c)
{
    struct sockaddr_storage from;
    int n = sizeof from;

    if (!c->loop->service->peers || c->local ||
        uv_tcp_getpeername(&c->u.tcp, (struct sockaddr *)&from, &n) < 0)
        return true;
    return peers_enter(c->loop->service->peers, (struct sockaddr *)&from, &c->peer);
}

void conn_accept(struct loop *l, int fd, bool local)
{
    struct service *s = l->service;
    struct conn *c = mem_calloc(1, sizeof *c);
    int n = atomic_fetch_add(&s->n_connections, 1) + 1;

    l->now_ms = (int64_t)uv_now(&l->uv);
    c->loop = l;
    c->local = local;
    gate_init(&c->gate, local ? &s->gate_local : &s->gate_tcp);
    c->next = l->conns;
    if (c->next)
        c->next->at = &c->next;
    c->at = &l->conns;
    l->conns = c;
    if (open_handle(c, fd) < 0) {
        close(fd);
        conn_abort(c);
        return;
    }
    metrics_count(s->metrics, COUNT_CONNECTIONS);
    await_head(c);
    c->accepted_ms = l->now_ms;
    c->deadline_ms = l->now_ms + config_of(c)->limits.receive_s * 1000;
    if (n > config_of(c)->limits.connections)
        refuse_connection(c, "too many connections (limits.connections)");
    else if (!enter_peer(c))
        refuse_connection(c,
                          "too many connections of one address (limits.connections_per_address)");
    else
        set_reading(c, true);
}
