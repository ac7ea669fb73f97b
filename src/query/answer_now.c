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

struct waiting {
    struct engine *e;
    const struct query *q;
    struct answer *ans;
    void (*token)(void *arg, struct str text);
    void *arg;
    struct buf text;
    uint64_t since;
    int rc;
};

static void take_token(void *arg, struct str text)
{
    struct waiting *w = arg;

    buf_add_view(&w->text, text);
    if (w->token)
        w->token(w->arg, text);
}

static void take_result(void *arg, const struct chat_result *result)
{
    struct waiting *w = arg;

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

int query_answer_now(struct engine *e, const struct query *q, struct answer *ans,
                     void (*token)(void *arg, struct str text), void *arg)
{
    struct waiting w = {.e = e, .q = q, .ans = ans, .token = token, .arg = arg};
    int rc = query_run(e, q, ans);
    struct chat_call call;
    struct chat *chat;
    uv_loop_t loop;

    if (rc == ERR_OK && ans->waits && awaited(e, ans))
        return ERR_OK;
    if (rc < 0 || !ans->unfinished)
        return rc;
    CHECK(uv_loop_init(&loop) == 0);
    chat = chat_new(&loop, e->chat_models);
    call = (struct chat_call){.messages = ans->chat->messages,
                              .n = ans->chat->n,
                              .models = ans->chat->models,
                              .n_models = ans->chat->n_models,
                              .temperature = q->temperature,
                              .max_tokens = q->max_tokens,
                              .until_ns = ans->chat->until_ns,
                              .hedge = true,
                              .token = take_token,
                              .done = take_result,
                              .arg = &w};
    w.since = clock_ns();
    chat_start(chat, &call);
    w.rc = 1; /* not yet */
    while (w.rc > 0)
        uv_run(&loop, UV_RUN_ONCE);
    chat_free(chat);
    uv_run(&loop, UV_RUN_DEFAULT);
    CHECK(uv_loop_close(&loop) == 0);
    buf_done(&w.text);
    return w.rc;
}
