#include "server/slices.h"

#include "base/err.h"
#include "engine/engine.h"
#include "server/limits.h"
#include "server/service.h"
#include "server/tracing.h"

/* A body up to this size is read on the loop, tokens included: some 50 microseconds. */
#define SMALL_BODY 2048

static struct pool *pool_of(const struct request *r)
{
    return r->loop->service->engine->pool;
}

static void free_body(void *body)
{
    buf_done(body);
}

static int read_body(struct request *r, struct slices *s)
{
    int rc = s->work->read(r, s);

    s->read = rc == ERR_OK;
    return rc;
}

static void refuse(struct request *r, int rc, const char *text)
{
    struct slices *s = r->state;

    if (s->read) { /* then the model failed, and what is wrong with its files is our matter */
        reply_error(r, rc == ERR_FORMAT ? ERR_SYSTEM : rc, text);
        return;
    }
    s->why.detail = str_of(text);
    reply_refusal(r, &s->why);
}

static int run_slice(struct request *r)
{
    int rc = ERR_OK;
    struct slices *s = r->state;
    uint64_t since_ns = trace_add(&s->trace, STAGE_QUEUE, r->work.submitted_ns);

    if (!s->read)
        TRY(read_body(r, s));
    TRY(rc = s->work->run(r, s));
    s->n_done += (size_t)rc;
    rc = ERR_OK;
    since_ns = trace_add(&s->trace, s->work->stage, since_ns);
    if (s->n_done == s->n) {
        s->work->write(r, s, &s->body);
        trace_add(&s->trace, STAGE_REPLY, since_ns);
    }
    r->work.submitted_ns = clock_ns(); /* the way back is waiting too */
out:
    return rc;
}

static void finish(struct request *r, struct slices *s)
{
    if (*s->ignored)
        buf_addf(&r->extra, "x-ragd-ignored: %s\r\n", s->ignored);
    reply_timing(r, &s->trace);
    reply_json(r, 200, &s->body);
}

/* For what has been computed, as far as the items are alike. */
static void pay(struct request *r, struct slices *s)
{
    size_t n = s->n ? (size_t)((double)s->n_tokens * (double)s->n_done / (double)s->n) : 0;

    limits_spend(r->limited, (int64_t)(n - s->n_paid));
    s->n_paid = n;
}

static void slice_done(struct request *r, int rc)
{
    struct slices *s = r->state;

    trace_add(&s->trace, STAGE_QUEUE, r->work.submitted_ns);
    pay(r, s);
    if (rc < 0)
        refuse(r, rc, r->work.error);
    else if (!r->conn)
        reply_problem(r, 503, "cancelled", "the client has left");
    else if (s->n_done < s->n)
        request_work_again(r, pool_of(r), QUEUE_BULK);
    else
        finish(r, s);
}

void slices_start(struct request *r, const struct slices_work *work, void *state)
{
    int rc = ERR_OK;
    struct slices *s = ARENA_NEW(r->mem, struct slices);
    bool small = r->body.n <= SMALL_BODY;

    *s = (struct slices){.work = work, .state = state, .ignored = ""};
    r->state = s;
    request_defer(r, free_body, &s->body);
    tracing_stages(r, &s->trace);
    s->trace.start_ns = r->start_ns;
    if (small)
        TRY(read_body(r, s));
    trace_add(&s->trace, STAGE_QUEUE, r->start_ns);
    request_work(r, pool_of(r), small && s->n == 1 ? QUEUE_URGENT : QUEUE_BULK, run_slice,
                 slice_done);
out:
    if (rc < 0)
        refuse(r, rc, err_text());
}
