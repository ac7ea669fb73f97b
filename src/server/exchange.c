#include "server/exchange.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/digits.h"
#include "base/err.h"
#include "base/log.h"
#include "engine/caller.h"
#include "engine/engine.h"
#include "server/access_log.h"
#include "server/conn.h"
#include "server/limits.h"
#include "server/routes.h"
#include "server/service.h"
#include "server/tracing.h"

/* Bodies up to this size go out in one write with their head. */
#define ONE_WRITE_MAX 65536
/* What a head has at most beside the lines that handlers add. */
#define HEAD_BYTES 400

/* ---- a request's life ---- */

struct request *request_new(struct conn *c, struct loop *l, bool local, uint64_t start_ns)
{
    struct arena *mem = arena_new(0);
    struct request *r = ARENA_NEW(mem, struct request);

    r->mem = mem;
    r->conn = c;
    r->loop = l;
    r->from_local = local;
    r->start_ns = start_ns;
    r->n_holds = 1;
    return r;
}

struct deferred {
    void (*fn)(void *arg);
    void *arg;
    struct deferred *next;
};

void request_defer(struct request *r, void (*fn)(void *arg), void *arg)
{
    struct deferred *d = ARENA_NEW(r->mem, struct deferred);

    *d = (struct deferred){fn, arg, r->deferred};
    r->deferred = d;
}

void request_hold(struct request *r)
{
    r->n_holds++;
}

void request_release(struct request *r)
{
    CHECK(r->n_holds > 0);
    if (--r->n_holds > 0)
        return;
    if (!r->stands_in)
        tracing_send(r);
    for (struct deferred *d = r->deferred; d; d = d->next)
        d->fn(d->arg);
    buf_done(&r->head_bytes);
    buf_done(&r->body);
    buf_done(&r->extra);
    buf_done(&r->unsent);
    limits_leave(r);
    caller_unref(r->caller);
    arena_free(r->mem);
}

/* What everybody may see of it. */
static void tell(struct request *r, uint64_t end_ns)
{
    struct service *s = r->loop->service;

    metrics_request(s->metrics, r->route ? route_index(r->route) : routes_count(), r->status,
                    end_ns - r->start_ns);
    metrics_bytes(s->metrics, r->n_received, r->n_sent);
    if (engine_settings(s->engine)->server.access_log)
        access_log_add(&r->loop->log, r, end_ns);
}

/* The reply is with the socket, or with nobody. */
static void finish(struct request *r)
{
    struct conn *c = r->conn;
    uint64_t end_ns = clock_ns();

    if (!c)
        r->status = r->replaced ? 503 : 499; /* the client had left */
    if (!r->replaced)
        tell(r, end_ns);
    if (!r->stands_in)
        tracing_over(r, end_ns);
    if (r->dispatched)
        metrics_adjust(r->loop->service->metrics, GAUGE_REQUESTS, -1);
    r->conn = NULL;
    r->on_tick = r->on_drain = r->on_gone = r->on_eof = r->on_stop = NULL;
    limits_leave(r); /* before the next one of the connection comes */
    if (c)
        conn_answered(c, !r->close_after);
    request_release(r);
}

void request_left(struct request *r)
{
    DCHECK(!r->conn && !r->answered);
    finish(r);
}

/* ---- heads ---- */

static void add_line(struct buf *out, const char *name, const char *value)
{
    buf_add_str(out, name);
    buf_add_str(out, value);
    buf_add_str(out, "\r\n");
}

static void start_head(struct request *r, int status, const char *type, struct buf *out)
{
    CHECK(!r->answered);
    r->answered = true;
    r->status = status;
    if (!r->id[0])
        http_request_id(&r->loop->ids, (struct str){NULL, 0}, r->id);
    r->close_after |= r->loop->draining;
    buf_add_str(out, "HTTP/1.1 ");
    buf_add_u64(out, (uint64_t)status);
    buf_add_char(out, ' ');
    buf_add_str(out, http_reason(status));
    add_line(out, "\r\nx-request-id: ", r->id);
    if (type)
        add_line(out, "Content-Type: ", type);
    if (r->close_after)
        buf_add_str(out, "Connection: close\r\n");
    else if (r->head.http_minor == 0)
        buf_add_str(out, "Connection: keep-alive\r\n");
    if (r->limited)
        limits_add_lines(r->limited, out);
    tracing_write_head(r, out);
    buf_add_view(out, buf_view(&r->extra));
}

static void send_counted(struct request *r, struct buf *b)
{
    r->n_sent += b->n;
    if (r->conn && b->n)
        conn_send(r->conn, b);
    buf_done(b);
}

/* ---- whole replies ---- */

static size_t length_of(const struct str *pieces, size_t n)
{
    size_t bytes = 0;

    for (size_t i = 0; i < n; i++)
        bytes += pieces[i].n;
    return bytes;
}

/* Into the loop's own buffer. */
static struct str whole_head(struct request *r, int status, const char *content_type, size_t n_body)
{
    struct buf *out = &r->loop->head;

    buf_clear(out);
    buf_reserve(out, r->extra.n + HEAD_BYTES);
    start_head(r, status, content_type, out);
    if (status != 204) {
        buf_add_str(out, "Content-Length: ");
        buf_add_u64(out, n_body);
        buf_add_str(out, "\r\n");
    }
    buf_add_str(out, "\r\n");
    return buf_view(out);
}

void reply_pieces(struct request *r, int status, const char *content_type, const struct str *pieces,
                  size_t n)
{
    struct str all[1 + REPLY_PIECES_MAX];
    bool wants_body = !str_eq(r->head.method, STR_LIT("HEAD"));

    CHECK(n <= REPLY_PIECES_MAX);
    all[0] = whole_head(r, status, content_type, length_of(pieces, n));
    for (size_t i = 0; i < n; i++)
        all[1 + i] = pieces[i];
    n = wants_body ? n + 1 : 1;
    r->n_sent += length_of(all, n);
    if (r->conn)
        conn_send_pieces(r->conn, all, n);
    finish(r);
}

void reply(struct request *r, int status, const char *content_type, struct buf *body)
{
    struct str piece = body ? buf_view(body) : STR_LIT(""), head;
    struct buf first = {0};

    if (piece.n <= ONE_WRITE_MAX || str_eq(r->head.method, STR_LIT("HEAD"))) {
        reply_pieces(r, status, content_type, &piece, 1);
    } else { /* too large to be copied when the socket does not take it */
        head = whole_head(r, status, content_type, piece.n);
        buf_add_view(&first, head);
        send_counted(r, &first);
        send_counted(r, body);
        finish(r);
    }
    if (body)
        buf_done(body);
}

static bool is_too_long(struct request *r, size_t n)
{
    if (n <= (size_t)engine_settings(r->loop->service->engine)->limits.reply_bytes)
        return false;
    reply_problem(r, 413, "limit", "a reply of %zu bytes is over limits.reply_bytes", n);
    return true;
}

void reply_json(struct request *r, int status, struct buf *body)
{
    if (is_too_long(r, body->n))
        buf_done(body);
    else
        reply(r, status, "application/json", body);
}

void reply_json_pieces(struct request *r, int status, const struct str *pieces, size_t n)
{
    if (!is_too_long(r, length_of(pieces, n)))
        reply_pieces(r, status, "application/json", pieces, n);
}

static bool has_line(const struct buf *lines, const char *name)
{
    return lines->n && memmem(lines->p, lines->n, name, strlen(name));
}

void reply_refusal(struct request *r, const struct refusal *why)
{
    struct buf body = {0};
    enum dialect dialect = r->dialect ? r->dialect : dialect_of_path(r->head.path);
    const char *type = refusal_write(&body, dialect, why);

    if ((why->status == 503 || why->status == 429) && !has_line(&r->extra, "Retry-After:"))
        buf_add_str(&r->extra, "Retry-After: 1\r\n");
    reply(r, why->status, type, &body);
}

void reply_problem(struct request *r, int status, const char *code, const char *fmt, ...)
{
    char detail[ERR_TEXT_MAX];
    va_list args;

    va_start(args, fmt);
    vsnprintf(detail, sizeof detail, fmt, args);
    va_end(args);
    reply_refusal(r, &(struct refusal){status, code, NULL, str_of(detail)});
}

static uint64_t flow_of(const struct request *r)
{
    return r->caller ? pool_flow(r->caller->tenant) : QUEUE_NO_FLOW;
}

/* When a full queue has room again for who asked. */
static void tell_room(struct request *r, struct pool *pool, enum queue_lane lane)
{
    int64_t s = (pool_room_ms(pool, lane, flow_of(r)) + 999) / 1000;

    if (!has_line(&r->extra, "Retry-After:"))
        buf_addf(&r->extra, "Retry-After: %lld\r\n", (long long)(s > 0 ? s : 1));
}

void reply_error(struct request *r, int rc, const char *text)
{
    int status = http_status_of(rc);

    if (status >= 500 && status != 503) {
        trace_context_bind(tracing_context(r));
        log_event(LOG_ERROR, "failed", LOG_S("error", text), LOG_S("request_id", r->id));
        trace_context_bind(NULL);
    }
    if (rc == ERR_BUSY) {
        metrics_count(r->loop->service->metrics, COUNT_BUSY);
        tell_room(r, r->loop->service->engine->pool, QUEUE_URGENT);
    }
    reply_refusal(r, &(struct refusal){status, err_name(rc), NULL, str_of(text)});
}

/* ---- timings ---- */

/* Each is copied as sixteen bytes, of which what follows its own is written over. */
#define TIMING_HEAD_BYTES 16
#define TIMING(name)                                                                               \
    {                                                                                              \
        sizeof(name ";dur=") - 1, name ";dur="                                                     \
    }
static const struct {
    size_t n;
    char text[TIMING_HEAD_BYTES];
} timing_heads[N_STAGES + 1] = {
    [STAGE_QUEUE] = TIMING("queue"),     [STAGE_CACHE] = TIMING("cache"),
    [STAGE_EMBED] = TIMING("embed"),     [STAGE_SEARCH] = TIMING("search"),
    [STAGE_FETCH] = TIMING("fetch"),     [STAGE_RERANK] = TIMING("rerank"),
    [STAGE_CONTEXT] = TIMING("context"), [STAGE_GENERATE] = TIMING("generate"),
    [STAGE_REPLY] = TIMING("reply"),     [N_STAGES] = TIMING("total"),
};
#define TIMING_BYTES  (TIMING_HEAD_BYTES + 20 + 6)
#define TIMINGS_BYTES (32 + TIMING_BYTES * (N_STAGES + 1))

/* "embed;dur=0.412, " */
static char *put_timing(char *p, int i, uint64_t ns)
{
    unsigned rest = (unsigned)(ns / 1000 % 1000);

    memcpy(p, timing_heads[i].text, TIMING_HEAD_BYTES);
    p += timing_heads[i].n;
    p = put_u64(p, ns / 1000000);
    *p++ = '.';
    *p++ = (char)('0' + rest / 100);
    *p++ = (char)('0' + rest / 10 % 10);
    *p++ = (char)('0' + rest % 10);
    return mempcpy(p, ", ", 2);
}

/* "embed;dur=0.400, search;dur=0.080, total;dur=0.611". By hand, as every cached reply has it. */
void reply_timing(struct request *r, const struct trace *t)
{
    struct buf *out = &r->extra;
    char *p;

    buf_reserve(out, TIMINGS_BYTES);
    buf_add_str(out, "Server-Timing: ");
    p = out->p + out->n;
    for (int i = 0; i < N_STAGES; i++)
        if (t->ns[i])
            p = put_timing(p, i, t->ns[i]);
    p = put_timing(p, N_STAGES, trace_total_ns(t)) - 2;
    p = mempcpy(p, "\r\n", 2);
    *p = '\0';
    out->n = (size_t)(p - out->p);
}

/* ---- streams ---- */

/* HTTP/1.1 gets chunks, so that the end is told from a broken connection; 1.0 gets the end of the
 * connection. */
void stream_begin(struct request *r, const char *content_type)
{
    struct buf *out = &r->unsent;

    r->chunked = r->head.http_minor == 1;
    r->close_after |= !r->chunked;
    start_head(r, 200, content_type, out);
    buf_add_str(out, "Cache-Control: no-store\r\n");
    if (r->chunked)
        buf_add_str(out, "Transfer-Encoding: chunked\r\n");
    buf_add_str(out, "\r\n");
    r->streaming = true;
    metrics_adjust(r->loop->service->metrics, GAUGE_STREAMS, 1);
    r->gone_at_eof = true;
    r->written_ms = r->loop->now_ms;
}

void stream_add(struct request *r, const void *p, size_t n)
{
    struct buf *out = &r->unsent;

    CHECK(r->streaming);
    if (!r->conn || n == 0)
        return;
    buf_reserve(out, n + 24);
    if (r->chunked)
        buf_addf(out, "%zx\r\n", n);
    buf_add(out, p, n);
    if (r->chunked)
        buf_add_str(out, "\r\n");
}

void stream_flush(struct request *r)
{
    CHECK(r->streaming);
    r->written_ms = r->loop->now_ms;
    send_counted(r, &r->unsent);
}

void stream_write(struct request *r, const void *p, size_t n)
{
    stream_add(r, p, n);
    stream_flush(r);
}

bool stream_has_room(const struct request *r)
{
    return !r->conn || conn_unsent(r->conn) + r->unsent.n <
                           (size_t)engine_settings(r->loop->service->engine)->limits.output_bytes;
}

void stream_end(struct request *r)
{
    CHECK(r->streaming);
    if (r->chunked)
        buf_add_str(&r->unsent, "0\r\n\r\n");
    r->streaming = false; /* who is found gone by the write below is not told of it again */
    send_counted(r, &r->unsent);
    metrics_adjust(r->loop->service->metrics, GAUGE_STREAMS, -1);
    finish(r);
}

/* ---- work elsewhere ---- */

static int run_request(struct work *w)
{
    struct request *r = (struct request *)((char *)w - offsetof(struct request, work));
    int rc;

    trace_context_bind(tracing_context(r));
    rc = r->work_run(r);
    trace_context_bind(NULL);
    return rc;
}

static void request_worked(struct work *w)
{
    struct request *r = (struct request *)((char *)w - offsetof(struct request, work));

    r->work_done(r, w->rc);
    request_release(r);
}

void request_work(struct request *r, struct pool *pool, enum queue_lane lane,
                  int (*run)(struct request *r), void (*done)(struct request *r, int rc))
{
    int rc;

    r->work = (struct work){
        .loop = r->loop, .run = run_request, .done = request_worked, .flow = flow_of(r)};
    r->work_run = run;
    r->work_done = done;
    request_hold(r);
    (void)tracing_context(r); /* for the worker */
    rc = work_submit(&r->work, pool, lane);
    if (rc < 0) {
        request_release(r);
        tell_room(r, pool, lane);
        reply_error(r, rc, err_text());
    }
}

void request_work_again(struct request *r, struct pool *pool, enum queue_lane lane)
{
    request_hold(r);
    if (work_submit_again(&r->work, pool, lane) < 0) {
        request_release(r);
        reply_error(r, ERR_CANCELLED, err_text());
    }
}

/* ---- the usual handler ---- */

struct making {
    request_make_fn make;
    int status;
    struct buf body;
};

static void free_body(void *body)
{
    buf_done(body);
}

static int make(struct request *r)
{
    struct making *m = r->state;

    return m->make(r, &m->status, &m->body);
}

static void made(struct request *r, int rc)
{
    struct making *m = r->state;

    if (rc < 0)
        reply_error(r, rc, r->work.error);
    else if (m->body.n == 0)
        reply(r, 204, NULL, NULL);
    else
        reply_json(r, m->status, &m->body);
}

void request_answer_on(struct request *r, struct pool *pool, request_make_fn fn)
{
    struct making *m = ARENA_NEW(r->mem, struct making);

    m->make = fn;
    m->status = 200;
    r->state = m;
    request_defer(r, free_body, &m->body);
    request_work(r, pool, QUEUE_URGENT, make, made);
}
