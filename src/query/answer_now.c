/* answer_now.c - a question and its language model, for those who have no event loop. */
#include <errno.h>
#include <semaphore.h>
#include <stdio.h>
#include <time.h>
#include <uv.h>

#include "base/buf.h"
#include "base/check.h"
#include "base/err.h"
#include "base/mem.h"
#include "engine/engine.h"
#include "generate/chat.h"
#include "query/question_chat.h"

#define LOOK_MS      50       /* how soon it is noticed that somebody has left */
#define LANE_WAIT_NS 20000000 /* between two tries when the bulk lane is full */

struct waiting {
    struct engine *e;
    const struct query *q;
    struct answer *ans;
    bool bulk; /* what computes does so in the pool's bulk lane */
    struct answer_listener listener;
    struct chat_run *run; /* NULL: over */
    struct buf text;
    uint64_t since;
    const struct chat_result *result;
    int rc;
};

/* ---- what computes ---- */

/* A part of the run on its way through the pool. */
struct part {
    struct waiting *w;
    int (*fn)(struct waiting *w);
    sem_t done;
    int rc;
    char error[ERR_TEXT_MAX];
};

static void wait_for(sem_t *s)
{
    while (sem_wait(s) != 0)
        CHECK(errno == EINTR);
}

static void run_part(void *arg, int i_worker)
{
    struct part *p = arg;

    (void)i_worker;
    p->rc = p->fn(p->w);
    if (p->rc < 0)
        snprintf(p->error, sizeof p->error, "%s", err_text());
    CHECK(sem_post(&p->done) == 0);
}

/* Here, or behind all who ask; a full lane is waited for. */
static int carry_out(struct waiting *w, int (*fn)(struct waiting *w))
{
    struct part p = {.w = w, .fn = fn};
    int rc;

    if (!w->bulk)
        return fn(w);
    CHECK(sem_init(&p.done, 0, 0) == 0);
    while ((rc = pool_submit(w->e->pool, QUEUE_BULK, run_part, &p)) == ERR_BUSY)
        nanosleep(&(struct timespec){.tv_nsec = LANE_WAIT_NS}, NULL);
    if (rc == ERR_OK) {
        wait_for(&p.done);
        rc = p.rc < 0 ? err_set(p.rc, "%s", p.error) : p.rc;
    }
    sem_destroy(&p.done);
    return rc;
}

static int run(struct waiting *w)
{
    return query_run(w->e, w->q, w->ans);
}

static int finish(struct waiting *w)
{
    return query_finish(w->e, w->q, w->ans, w->result, buf_view(&w->text));
}

/* ---- the language model ---- */

static void take_token(void *arg, struct str text)
{
    struct waiting *w = arg;

    buf_add_view(&w->text, text);
    if (w->listener.token)
        w->listener.token(w->listener.arg, text);
}

static bool take_back(void *arg)
{
    struct waiting *w = arg;

    if (w->listener.token)
        return false;
    buf_clear(&w->text);
    return true;
}

static void take_result(void *arg, const struct chat_result *result)
{
    struct waiting *w = arg;

    w->run = NULL;
    trace_add(&w->ans->trace, STAGE_GENERATE, w->since);
    w->result = result;
    w->rc = carry_out(w, finish);
}

static void wake(void *arg)
{
    CHECK(sem_post(arg) == 0);
}

/* True: another replica has answered meanwhile. */
static bool awaited(struct engine *e, const struct query *q, struct answer *ans)
{
    sem_t answered;

    CHECK(sem_init(&answered, 0, 0) == 0);
    query_await(e, ans, wake, &answered);
    wait_for(&answered);
    sem_destroy(&answered);
    return query_awaited(e, q, ans);
}

static void look(uv_timer_t *timer)
{
    struct waiting *w = timer->data;

    if (!w->run || !w->listener.cancelled || !w->listener.cancelled(w->listener.arg))
        return;
    chat_cancel(w->run);
    w->run = NULL;
    w->rc = FAIL(ERR_CANCELLED, "whoever asked has left");
}

/* The model's part of the answer, on a loop of its own. */
static void ask_model(struct waiting *w)
{
    const struct question_chat *c = w->ans->chat;
    struct chat_call call = {.messages = c->messages,
                             .n = c->n,
                             .models = c->models,
                             .n_models = c->n_models,
                             .temperature = w->q->temperature,
                             .max_tokens = w->q->max_tokens,
                             .until_ns = c->until_ns,
                             .hedge = true,
                             .token = take_token,
                             .cut = take_back,
                             .done = take_result,
                             .arg = w};
    struct chat *chat;
    uv_timer_t timer;
    uv_loop_t loop;
    int e = uv_loop_init(&loop);

    if (e < 0) {
        w->rc = FAIL(ERR_IO, "cannot make an event loop: %s", uv_strerror(e));
        return;
    }
    chat = chat_new(&loop, w->e->chat_models);
    uv_timer_init(&loop, &timer);
    timer.data = w;
    uv_timer_start(&timer, look, LOOK_MS, LOOK_MS);
    w->since = clock_ns();
    w->rc = 1; /* not yet */
    w->run = chat_start(chat, &call);
    while (w->rc > 0)
        uv_run(&loop, UV_RUN_ONCE);
    chat_free(chat);
    uv_close((uv_handle_t *)&timer, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    CHECK(uv_loop_close(&loop) == 0);
    buf_done(&w->text);
}

/* ---- both ---- */

static int answer(struct waiting *w)
{
    struct answer *ans = w->ans;

    w->rc = carry_out(w, run);
    if (w->rc == ERR_OK && ans->waits && awaited(w->e, w->q, ans))
        return ERR_OK;
    if (w->rc == ERR_OK && ans->unfinished)
        ask_model(w);
    return w->rc;
}

int query_answer_for(struct engine *e, const struct query *q, struct answer *ans,
                     const struct answer_listener *listener)
{
    struct waiting w = {.e = e, .q = q, .ans = ans, .listener = *listener};

    return answer(&w);
}

int query_answer_now(struct engine *e, const struct query *q, struct answer *ans,
                     void (*token)(void *arg, struct str text), void *arg)
{
    return query_answer_for(e, q, ans, &(struct answer_listener){.token = token, .arg = arg});
}

int query_answer_behind(struct engine *e, const struct query *q, struct answer *ans,
                        const struct answer_listener *listener)
{
    struct waiting w = {.e = e, .q = q, .ans = ans, .bulk = true, .listener = *listener};

    return answer(&w);
}
