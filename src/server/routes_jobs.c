/* routes_jobs.c - GET /jobs, GET and DELETE /jobs/{id}. */
#include "base/err.h"
#include "server/access.h"
#include "server/jobs.h"
#include "server/prefer.h"
#include "server/routes.h"
#include "server/service.h"

#define WAIT_MAX_S 60

static struct jobs *jobs_of(const struct request *r)
{
    return r->loop->service->jobs;
}

/* ---- reading: from memory, on the loop ---- */

void handle_jobs_list(struct request *r)
{
    struct buf body = {0};

    jobs_list(jobs_of(r), access_scope(r), &body);
    reply_json(r, 200, &body);
}

struct waiting {
    int64_t until_ms;
};

/* True when it has answered. */
static bool tell(struct request *r, bool whatever)
{
    struct buf body = {0};
    bool ended = false;
    int rc = jobs_write(jobs_of(r), access_scope(r), r->tail, &body, &ended);

    if (rc < 0)
        reply_error(r, rc, err_text());
    else if (ended || whatever)
        reply_json(r, 200, &body);
    else
        rc = 1;
    buf_done(&body);
    return rc != 1;
}

static void look_again(struct request *r)
{
    const struct waiting *w = r->state;

    (void)tell(r, r->loop->draining || r->loop->now_ms >= w->until_ms);
}

/* The reply goes into nothing. */
static void gone(struct request *r)
{
    (void)tell(r, true);
}

/* "Prefer: wait=10": until it has ended, ten seconds at most. */
void handle_job_get(struct request *r)
{
    int64_t wait_s = prefer_number(&r->head, "wait", WAIT_MAX_S);
    struct waiting *w = ARENA_NEW(r->mem, struct waiting);

    if (wait_s)
        buf_addf(&r->extra, "Preference-Applied: wait=%lld\r\n", (long long)wait_s);
    if (tell(r, wait_s == 0))
        return;
    w->until_ms = r->loop->now_ms + wait_s * 1000;
    r->state = w;
    r->on_tick = look_again;
    r->on_gone = gone;
}

/* ---- cancelling: what it holds is freed, and that takes a while ---- */

static int make_cancelled(struct request *r, int *status, struct buf *body)
{
    int rc = ERR_OK;
    bool unused;

    (void)status;
    TRY(jobs_cancel(jobs_of(r), access_scope(r), r->tail));
    TRY(jobs_write(jobs_of(r), access_scope(r), r->tail, body, &unused));
out:
    return rc;
}

void handle_job_cancel(struct request *r)
{
    request_answer_on(r, r->loop->service->io, make_cancelled);
}
