/* A question and its language model on one thread, for those who have no event loop. */
#include <errno.h>
#include <semaphore.h>
#include <uv.h>

#include "base/buf.h"
#include "base/check.h"
#include "base/err.h"
#include "base/mem.h"
#include "engine/engine.h"
#include "generate/chat.h"
#include "query/question_chat.h"

#define LOOK_MS 50 /* how soon it is noticed that somebody has left */

struct waiting {
    struct engine *e;
    const struct query *q;
    struct answer *ans;
    struct answer_listener listener;
    struct chat_run *run; /* NULL: over */
    struct buf text;
    uint64_t since;
    int rc;
};

static void take_token(void *arg, struct str text)
{
    struct waiting *w = arg;

    buf_add_view(&w->text, text);
    if (w->listener.token)
        w->listener.token(w->listener.arg, text);
}

static void take_result(void *arg, const struct chat_result *result)
{
    struct waiting *w = arg;

    w->run = NULL;
    trace_add(&w->ans->trace, STAGE_GENERATE, w->since);
    w->rc = query_finish(w->e, w->q, w->ans, result, buf_view(&w->text));
}

static void wake(void *arg)
{
    CHECK(sem_post(arg) == 0);
}

/* True: another replica has answered meanwhile. */
static bool awaited(struct engine *e, struct answer *ans)
{
    sem_t answered;

    CHECK(sem_init(&answered, 0, 0) == 0);
    query_await(e, ans, wake, &answered);
    while (sem_wait(&answered) != 0)
        CHECK(errno == EINTR);
    sem_destroy(&answered);
    return query_awaited(e, ans);
}

static void look(uv_timer_t *timer)
{
    struct waiting *w = timer->data;

    if (!w->run || !w->listener.cancelled || !*w->listener.cancelled)
        return;
    chat_cancel(w->run);
    w->run = NULL;
    w->rc = FAIL(ERR_CANCELLED, "whoever asked has left");
}

/* The model's part of the answer, on a loop of its own. */
static int ask_model(struct waiting *w)
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
                             .done = take_result,
                             .arg = w};
    struct chat *chat;
    uv_timer_t timer;
    uv_loop_t loop;

    CHECK(uv_loop_init(&loop) == 0);
    chat = chat_new(&loop, w->e->chat_models);
    uv_timer_init(&loop, &timer);
    timer.data = w;
    uv_timer_start(&timer, look, LOOK_MS, LOOK_MS);
    w->since = clock_ns();
    w->run = chat_start(chat, &call);
    w->rc = 1; /* not yet */
    while (w->rc > 0)
        uv_run(&loop, UV_RUN_ONCE);
    chat_free(chat);
    uv_close((uv_handle_t *)&timer, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    CHECK(uv_loop_close(&loop) == 0);
    return w->rc;
}

int query_answer_for(struct engine *e, const struct query *q, struct answer *ans,
                     const struct answer_listener *listener)
{
    struct waiting w = {.e = e, .q = q, .ans = ans, .listener = *listener};
    int rc = query_run(e, q, ans);

    if (rc == ERR_OK && ans->waits && awaited(e, ans))
        return ERR_OK;
    if (rc < 0 || !ans->unfinished)
        return rc;
    rc = ask_model(&w);
    buf_done(&w.text);
    return rc;
}

int query_answer_now(struct engine *e, const struct query *q, struct answer *ans,
                     void (*token)(void *arg, struct str text), void *arg)
{
    return query_answer_for(e, q, ans, &(struct answer_listener){.token = token, .arg = arg});
}
