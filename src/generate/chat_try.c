#include "generate/chat_try.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "net/refusal.h"

#define CONNECT_MS     3000
#define REFUSAL_MAX    65536 /* bytes kept of the reply to a status that is not 200 */
#define CONTENT_STREAM STR_LIT("text/event-stream")

/* ---- how it ends ---- */

static void end(struct chat_try *t, int rc)
{
    if (t->run)
        http_async_cancel(t->run);
    t->run = NULL;
    t->running = false;
    t->rc = rc;
    t->end(t->arg);
}

static void end_well(struct chat_try *t)
{
    bool whole = strcmp(t->reply.finish, "stop") == 0 || strcmp(t->reply.finish, "length") == 0;

    if (t->run)
        http_async_release(t->run);
    t->run = NULL;
    t->complete = whole;
    end(t, ERR_OK);
}

/* Not reached, cut off, too late: err_text() has the reason with the URL. */
static void end_unreached(struct chat_try *t, int rc)
{
    t->again = rc == ERR_UNAVAILABLE;
    t->failed = rc != ERR_ARGUMENT;
    snprintf(t->fault, sizeof t->fault, "%s", err_text());
    chat_model_blame(t->model, t->fault, t->error);
    end(t, rc);
}

/* Whether it is the question that the server did not like: else it is the key, the address or the
 * model that is wrong, and no fault of whoever asks. */
static bool blames_the_question(int status)
{
    return status == 400 || status == 413 || status == 422;
}

static void end_refused(struct chat_try *t)
{
    struct refusal r = {
        .shown = t->model->shown, .section = "llm", .key = t->model->key, .status = t->status};
    struct buf words;

    buf_init(&words);
    chat_refusal_words(buf_view(&t->body), &words);
    r.body = buf_view(&words);
    (void)refusal_explain(&r);
    buf_done(&words);
    chat_model_blame(t->model, err_text(), t->error);
    snprintf(t->fault, sizeof t->fault, "status %d", t->status);
    t->again = refusal_passes(t->status);
    t->failed = t->status >= 500;
    end(t, blames_the_question(t->status) ? ERR_ARGUMENT : ERR_UNAVAILABLE);
}

/* The server answers, but not as it should: err_text() has the reason, in which may be words of
 * the server's own. Only where it says itself that it failed may another try help. */
static void end_wrong(struct chat_try *t, int rc)
{
    const char *key = t->model->key;
    bool repeats_key = key && strstr(err_text(), key);

    t->again = rc == ERR_UNAVAILABLE;
    t->failed = true;
    chat_model_blame(t->model, repeats_key ? "the reply is wrong" : err_text(), t->error);
    refusal_make_plain(t->error);
    snprintf(t->fault, sizeof t->fault, "%s",
             rc == ERR_UNAVAILABLE ? "it broke off its reply" : "its reply is not as it should be");
    end(t, rc);
}

/* ---- what comes ---- */

/* ERR_CANCELLED: whoever was told has cancelled the try. */
static int hand_out(struct chat_try *t)
{
    if (t->reply.text.n == 0)
        return ERR_OK;
    t->n_text += t->reply.text.n;
    if (t->n_text > CHAT_TEXT_MAX)
        return FAIL(ERR_LIMIT, "the answer is longer than the limit of %zu bytes", CHAT_TEXT_MAX);
    t->token(t->arg, buf_view(&t->reply.text));
    buf_clear(&t->reply.text);
    return t->running ? ERR_OK : ERR_CANCELLED;
}

static int on_event(void *arg, const struct sse_event *e)
{
    struct chat_try *t = arg;
    int rc;

    if (t->reply.done)
        return ERR_OK;
    rc = chat_reply_chunk(&t->reply, e->data);
    return rc < 0 ? rc : hand_out(t);
}

static void on_head(void *arg, int status, const char *content_type, int64_t retry_after_ms)
{
    struct chat_try *t = arg;
    struct str type = str_of(content_type);

    t->status = status;
    t->retry_after_ms = retry_after_ms;
    t->is_stream = status == 200 && type.n >= CONTENT_STREAM.n &&
                   str_eq_nocase(str_sub(type, 0, CONTENT_STREAM.n), CONTENT_STREAM);
}

static int take(struct chat_try *t, struct str bytes)
{
    size_t max = t->status == 200 ? CHAT_EVENT_MAX : REFUSAL_MAX;

    t->n_wire += bytes.n;
    if (t->n_wire > CHAT_WIRE_MAX)
        return FAIL(ERR_LIMIT, "the reply is longer than the limit of %zu bytes", CHAT_WIRE_MAX);
    if (t->is_stream)
        return sse_reader_feed(&t->events, bytes);
    if (t->status == 200 && bytes.n > max - t->body.n)
        return FAIL(ERR_LIMIT, "the reply is longer than the limit of %zu bytes", max);
    buf_add(&t->body, bytes.p, bytes.n < max - t->body.n ? bytes.n : max - t->body.n);
    return ERR_OK;
}

static void on_data(void *arg, struct str bytes)
{
    struct chat_try *t = arg;
    int rc = take(t, bytes);

    if (!t->running)
        return;
    if (rc < 0)
        end_wrong(t, rc);
    else if (t->reply.done)
        end_well(t);
}

/* A stream that says why the model finished is whole, even where [DONE] is not said. */
static void end_stream(struct chat_try *t)
{
    if (t->reply.finish[0]) {
        end_well(t);
        return;
    }
    end_wrong(t, FAIL(ERR_UNAVAILABLE, "the stream stopped before its end"));
}

static void end_whole(struct chat_try *t)
{
    int rc = chat_reply_whole(&t->reply, buf_view(&t->body));

    if (rc == ERR_OK)
        rc = hand_out(t);
    if (!t->running)
        return;
    if (rc < 0)
        end_wrong(t, rc);
    else
        end_well(t);
}

static void on_done(void *arg, int rc)
{
    struct chat_try *t = arg;

    t->run = NULL;
    if (rc < 0)
        end_unreached(t, rc);
    else if (t->status != 200)
        end_refused(t);
    else if (t->is_stream)
        end_stream(t);
    else
        end_whole(t);
}

/* ---- starting and stopping ---- */

static void reset(struct chat_try *t)
{
    chat_try_done(t);
    *t = (struct chat_try){.model = t->model,
                           .token = t->token,
                           .end = t->end,
                           .arg = t->arg,
                           .trace = t->trace,
                           .retry_after_ms = -1,
                           .start_ns = clock_ns(),
                           .running = true};
    chat_reply_init(&t->reply);
    buf_init(&t->body);
    sse_reader_init(&t->events, CHAT_EVENT_MAX, on_event, t);
}

void chat_try_start(struct chat_try *t, struct http_async *h, struct str body)
{
    const struct chat_model *m = t->model;
    struct http_async_call call = {.url = m->url,
                                   .key = m->key,
                                   .body = body,
                                   .accept = "text/event-stream, application/json",
                                   .connect_ms = m->first_token_ms < CONNECT_MS ? m->first_token_ms
                                                                                : CONNECT_MS,
                                   .total_ms = m->timeout_ms,
                                   .trace = t->trace,
                                   .head = on_head,
                                   .data = on_data,
                                   .done = on_done,
                                   .arg = t};

    reset(t);
    t->run = http_async_start(h, &call);
}

void chat_try_cancel(struct chat_try *t)
{
    if (t->run)
        http_async_cancel(t->run);
    t->run = NULL;
    t->running = false;
}

void chat_try_done(struct chat_try *t)
{
    chat_try_cancel(t);
    sse_reader_done(&t->events);
    buf_done(&t->body);
    chat_reply_done(&t->reply);
}
