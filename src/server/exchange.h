/* exchange.h - one request and its reply, as handlers see them.
 *
 * A handler answers once, now or later: reply(), or stream_begin() ... stream_end(). When the
 * connection breaks while a handler is away, the request stays until the handler is back, has no
 * `conn` any more, and takes its reply into nothing.
 *
 * Threads  confined to the loop's thread; a handler's worker may use mem, head, body and extra
 *          while the loop waits for it.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/trace.h"
#include "server/compat.h"
#include "server/http.h"
#include "server/loop.h"

struct ask;
struct caller;
struct conn;
struct limited;
struct route;
struct tracing;

/* What is told to those whom the server cannot answer because it stops. */
#define STOPPING_TEXT "the server stops (server.drain_s is over); ask again"

struct request {
    struct conn *conn; /* NULL: gone */
    struct loop *loop;
    struct arena *mem; /* the request itself lives in it */
    struct buf head_bytes, body;
    struct http_head head;
    const struct route *route; /* NULL: none matched */
    struct str tail;           /* decoded {id} or {name} of the path */
    uint64_t start_ns;         /* its first byte */
    char id[REQUEST_ID_MAX + 1];
    bool from_local;         /* came over DIR/ragd.sock */
    struct tracing *tracing; /* NULL: of no trace (server/tracing.h) */
    bool unrecorded;         /* of one that nobody knows yet */
    const char *cache;       /* for the log: what the cache did for a question; NULL: it is none */
    struct caller *caller;   /* a reference; there from the moment a handler has it */

    struct limited *limited; /* server/limits.h; NULL: it has no limits */

    struct work work; /* for handlers with one piece of work; see request_work */
    int (*work_run)(struct request *r);
    void (*work_done)(struct request *r, int rc);
    void *state;          /* the handler's own, in mem */
    struct ask *ask;      /* NULL, or the question it is (server/request_ask.h) */
    enum dialect dialect; /* of refusals, where the body and not the path tells; 0: the path */

    struct buf extra;                    /* reply header lines a handler adds, each with CRLF */
    void (*on_drain)(struct request *r); /* streaming: there is room again */
    void (*on_tick)(struct request *r);  /* every LOOP_TICK_MS while unanswered or streaming */
    void (*on_stop)(struct request *r);  /* streaming: the server stops, and it is to end now */
    void (*on_gone)(struct request *r);  /* the connection broke before the end */
    void (*on_eof)(struct request *r);   /* the client has sent all it will; instead of the next */
    bool gone_at_eof;                    /* the client's half-close means it has left */
    bool close_after;                    /* the connection is not used again */
    bool dispatched;                     /* a handler has it */
    bool deciding;                       /* whether it is within its limits is not known yet */
    const char *over;                    /* it is not: why, in mem; NULL: it is */
    bool replaced;  /* another was answered in its place, and is what is counted and logged */
    bool stands_in; /* the other: its trace is the replaced one's, which sends it */

    /* kept by exchange.c */
    struct deferred *deferred;
    int status; /* sent; 0: not yet */
    bool streaming, chunked, answered;
    int n_holds;
    size_t n_received; /* of the body, which a handler may have taken */
    size_t n_sent;
    struct buf unsent;  /* of a stream */
    int64_t written_ms; /* when the stream last wrote */
};

/* ---- for handlers ---- */

/* The whole reply; `body` is emptied. content_type NULL: no body. */
void reply(struct request *r, int status, const char *content_type, struct buf *body);
void reply_json(struct request *r, int status, struct buf *body);
/* The same of a body in [n] pieces, which are borrowed: nothing is copied that the socket takes. */
#define REPLY_PIECES_MAX 3
void reply_pieces(struct request *r, int status, const char *content_type, const struct str *pieces,
                  size_t n);
void reply_json_pieces(struct request *r, int status, const struct str *pieces, size_t n);
/* In the shape that the path asks for (server/compat.h); 503 and 429 carry Retry-After. */
void reply_refusal(struct request *r, const struct refusal *why);
/* The same without a param. */
void reply_problem(struct request *r, int status, const char *code, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* The refusal of an ERR_* with its text. */
void reply_error(struct request *r, int rc, const char *text);

/* Adds Server-Timing: the stages that took part, in ms, and the total so far. */
void reply_timing(struct request *r, const struct trace *t);

/* The head goes with the first bytes, and the end with the last: what is ready at once is one
 * write.
 */
void stream_begin(struct request *r, const char *content_type);
void stream_add(struct request *r, const void *p, size_t n); /* sent with the next of the others */
void stream_flush(struct request *r);
void stream_write(struct request *r, const void *p, size_t n); /* add and flush */
/* Whether what waits to be sent is under the bound (limits.output_bytes). */
bool stream_has_room(const struct request *r);
void stream_end(struct request *r);

/* Runs `run` on a pool, then `done` here with its result; a full queue is answered 503. The
 * error's text is in r->work.error during done. */
void request_work(struct request *r, struct pool *pool, enum queue_lane lane,
                  int (*run)(struct request *r), void (*done)(struct request *r, int rc));

/* In `done`, when all went well: the next part, after what waits in the lane; not refused for
 * being many. */
void request_work_again(struct request *r, struct pool *pool, enum queue_lane lane);

/* The usual handler: `make` fills the body of a 200 on a pool, or fails. A status other than 200
 * goes to *status; no body: 204. */
typedef int (*request_make_fn)(struct request *r, int *status, struct buf *body);
void request_answer_on(struct request *r, struct pool *pool, request_make_fn make);

/* Calls fn(arg) when the request is over; for what is not in mem. Last deferred, first called. */
void request_defer(struct request *r, void (*fn)(void *arg), void *arg);

/* A request on c, with one hold for being answered. */
struct request *request_new(struct conn *c, struct loop *l, bool local, uint64_t start_ns);

/* Nobody will answer it: its connection ended before it was whole, or before it was admitted. It is
 * told of as any other, and its first hold goes. */
void request_left(struct request *r);

/* Keeps the request while something else refers to it. */
void request_hold(struct request *r);
void request_release(struct request *r);
