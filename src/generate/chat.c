#include "generate/chat.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "generate/chat_try.h"
#include "net/refusal.h"

#define MS_NS 1000000u

/* Having waited less than this says nothing about a server: whoever asks with a deadline of a
 * millisecond must not close it to everybody else. */
#define FAIR_MS 1000

/* What a run waits for, in the order in which it is looked at. */
enum due { DUE_DONE, DUE_DEADLINE, DUE_FIRST_TOKEN, DUE_HEDGE, DUE_RETRY, N_DUE };

/* One request that is under way. */
struct leg {
    struct chat_run *run;
    struct chat_try attempt;
    size_t i_model;
    enum breaker_pass pass;
    struct chat_tried *tried; /* NULL: not recorded */
};

struct chat {
    struct chat_models *models;
    struct http_async *http;
    uv_loop_t *loop;
    int n_running;
};

struct chat_run {
    struct chat *chat;
    struct chat_call call; /* without its messages and models */
    struct buf messages, body;
    int *chain;
    size_t i_chain;
    int n_tried;              /* requests to this model of the chain */
    struct leg legs[2];       /* the request and its hedge */
    struct leg *winner;       /* gave the first token */
    struct chat_tried *tried; /* [n_recorded], room for CHAT_TRIED_MAX; NULL: none is recorded */
    size_t n_recorded;
    uv_timer_t timer;
    uint64_t due_ns[N_DUE]; /* 0: not awaited */
    uint64_t start_ns;
    bool starting, over;
    struct chat_result result;
    char error[ERR_TEXT_MAX];
};

static void ask_next(struct chat_run *run);

static const struct chat_model *model_of(const struct chat_run *run, size_t i_model)
{
    return chat_models_get(run->chat->models, i_model);
}

static int64_t ms_since(uint64_t ns)
{
    return (int64_t)((clock_ns() - ns) / MS_NS);
}

/* ---- for the trace ---- */

static struct chat_tried *record_start(struct chat_run *run, const struct leg *l)
{
    struct chat_tried *t;

    if (!run->tried || run->n_recorded == CHAT_TRIED_MAX)
        return NULL;
    t = &run->tried[run->n_recorded++];
    t->i_model = l->i_model;
    t->context = *run->call.trace;
    trace_new_span_id(t->context.span_id);
    t->start_ns = clock_ns();
    t->hedge = l != run->legs;
    t->resends = t->hedge ? 0 : run->n_tried - 1;
    return t;
}

static void record_first_token(const struct leg *l)
{
    if (l->tried)
        l->tried->first_token_ns = clock_ns();
}

static void record_end(struct leg *l)
{
    struct chat_tried *t = l->tried;
    const struct chat_try *a = &l->attempt;

    if (!t)
        return;
    l->tried = NULL;
    t->end_ns = clock_ns();
    t->cancelled = a->running;
    t->rc = a->running ? ERR_OK : a->rc;
    t->status = a->status;
    snprintf(t->error, sizeof t->error, "%s", t->rc < 0 ? a->error : "");
    snprintf(t->model, sizeof t->model, "%s", a->reply.model);
    snprintf(t->finish, sizeof t->finish, "%s", a->reply.finish);
    t->usage_known = a->reply.usage_known;
    t->prompt_tokens = a->reply.prompt_tokens;
    t->completion_tokens = a->reply.completion_tokens;
}

const struct chat_tried *chat_tries(const struct chat_run *run, size_t *n)
{
    *n = run->n_recorded;
    return run->tried;
}

/* ---- the end ---- */

/* What the breaker learns of a request that is cut short. */
static void stop_leg(struct leg *l, enum chat_lesson lesson, const char *why)
{
    if (!l->attempt.running)
        return;
    record_end(l);
    chat_try_cancel(&l->attempt);
    chat_models_leave(l->run->chat->models, l->i_model, l->pass, lesson, why);
}

static void stop_late(struct leg *l, enum chat_lesson lesson, const char *why)
{
    struct chat_tried *t = l->tried;

    if (!l->attempt.running)
        return;
    chat_models_failed(l->run->chat->models, l->i_model, ERR_TIMEOUT, 0);
    stop_leg(l, lesson, why);
    if (t) {
        t->cancelled = false;
        t->rc = ERR_TIMEOUT;
        snprintf(t->error, sizeof t->error, "%s", why ? why : "too late");
    }
}

static void run_closed(uv_handle_t *handle)
{
    struct chat_run *run = handle->data;

    chat_try_done(&run->legs[0].attempt);
    chat_try_done(&run->legs[1].attempt);
    buf_done(&run->messages);
    buf_done(&run->body);
    mem_free(run->chain);
    mem_free(run->tried);
    mem_free(run);
}

static void close_run(struct chat_run *run)
{
    run->over = true;
    run->chat->n_running--;
    stop_leg(&run->legs[0], CHAT_NOTHING, NULL);
    stop_leg(&run->legs[1], CHAT_NOTHING, NULL);
    uv_close((uv_handle_t *)&run->timer, run_closed);
}

static void tell_done(struct chat_run *run)
{
    struct chat_result *r = &run->result;
    const struct leg *w = run->winner;

    r->error = run->error;
    r->finish = w ? w->attempt.reply.finish : "";
    close_run(run);
    run->call.done(run->call.arg, r);
}

static void add_usage(struct chat_run *run)
{
    const struct leg *w = run->winner;
    struct chat_result *r = &run->result;

    if (!w || !w->attempt.reply.usage_known)
        return;
    r->usage_known = true;
    r->prompt_tokens = w->attempt.reply.prompt_tokens;
    r->completion_tokens = w->attempt.reply.completion_tokens;
    r->cost =
        chat_models_charge(run->chat->models, w->i_model, r->prompt_tokens, r->completion_tokens);
}

static void finish(struct chat_run *run, int rc)
{
    run->result.rc = rc;
    if (rc == ERR_OK)
        run->error[0] = '\0';
    add_usage(run);
    memset(run->due_ns, 0, sizeof run->due_ns);
    if (run->starting)
        run->due_ns[DUE_DONE] = clock_ns();
    else
        tell_done(run);
}

/* ---- one request ---- */

/* Remembers why the last one did not work, for whoever has no other answer. */
static void note_trouble(struct chat_run *run, const struct leg *l)
{
    const struct chat_try *t = &l->attempt;

    run->result.i_model = l->i_model;
    run->result.rc = t->rc;
    run->result.status = t->status;
    run->result.retry_after_ms = t->retry_after_ms;
    snprintf(run->error, sizeof run->error, "%s", t->error);
}

static void win(struct chat_run *run, struct leg *l)
{
    struct chat_models *models = run->chat->models;
    struct leg *other = &run->legs[l == run->legs];

    run->winner = l;
    if (l != run->legs)
        chat_models_count(models, l->i_model, CHAT_HEDGES_WON);
    run->result.first_token_ns = clock_ns() - run->start_ns;
    run->result.i_model = l->i_model;
    run->result.status = l->attempt.status;
    run->result.retry_after_ms = -1;
    run->due_ns[DUE_FIRST_TOKEN] = run->due_ns[DUE_HEDGE] = 0;
    chat_models_first_token(models, l->i_model, ms_since(l->attempt.start_ns));
    /* The loser took at least so long. Were it forgotten, the p95 would sink with every hedge. */
    if (other->attempt.running && other == run->legs)
        chat_models_first_token(models, other->i_model, ms_since(other->attempt.start_ns));
    stop_leg(other, CHAT_NOTHING, NULL);
    if (l->pass == BREAKER_PROBE) { /* nobody need wait until this answer has ended */
        chat_models_leave(models, l->i_model, l->pass, CHAT_WORKED, NULL);
        l->pass = BREAKER_CALL;
    }
}

static void on_token(void *arg, struct str text)
{
    struct leg *l = arg;
    struct chat_run *run = l->run;

    if (!run->winner) {
        record_first_token(l);
        win(run, l);
        chat_models_took(run->chat->models, l->i_model, CHAT_TIME_FIRST_TOKEN,
                         clock_ns() - l->attempt.start_ns);
    }
    run->call.token(run->call.arg, text);
}

static bool pause_fits(const struct chat_run *run, int64_t ms)
{
    uint64_t until = run->call.until_ns;

    return ms <= CHAT_PAUSE_MAX_MS && (until == 0 || clock_ns() + (uint64_t)ms * MS_NS < until);
}

static void next_model(struct chat_run *run)
{
    run->i_chain++;
    run->n_tried = 0;
    ask_next(run);
}

/* No request is under way, and the last has failed. */
static void go_on(struct chat_run *run, bool again)
{
    int64_t ms = refusal_pause_ms(run->n_tried - 1, run->result.retry_after_ms);

    run->due_ns[DUE_FIRST_TOKEN] = run->due_ns[DUE_HEDGE] = 0;
    if (run->result.status == 400)
        finish(run, run->result.rc);
    else if (again && run->n_tried < CHAT_TRIES && pause_fits(run, ms))
        run->due_ns[DUE_RETRY] = clock_ns() + (uint64_t)ms * MS_NS;
    else
        next_model(run);
}

static void rearm(struct chat_run *run);

/* Whether what was said so far is taken back, for the next model to say it all. */
static bool is_taken_back(struct chat_run *run)
{
    return run->winner && run->i_chain + 1 < run->call.n_models && run->call.cut &&
           run->call.cut(run->call.arg);
}

static void begin_anew(struct chat_run *run)
{
    run->winner = NULL;
    run->result.first_token_ns = 0;
    next_model(run);
}

static void on_end(void *arg)
{
    struct leg *l = arg;
    struct chat_run *run = l->run;
    const struct chat_try *t = &l->attempt;
    const struct leg *other = &run->legs[l == run->legs];

    record_end(l);
    chat_models_leave(run->chat->models, l->i_model, l->pass, t->failed ? CHAT_FAILED : CHAT_WORKED,
                      t->fault);
    note_trouble(run, l);
    if (t->rc < 0)
        chat_models_failed(run->chat->models, l->i_model, t->rc, t->status);
    else
        chat_models_took(run->chat->models, l->i_model, CHAT_TIME_ANSWER, clock_ns() - t->start_ns);
    if (t->rc == ERR_OK && !run->winner) { /* it had nothing to say */
        win(run, l);
        run->result.first_token_ns = 0;
    }
    run->result.complete = t->complete;
    if (t->rc < 0 && is_taken_back(run))
        begin_anew(run);
    else if (run->winner)
        finish(run, t->rc);
    else if (!other->attempt.running)
        go_on(run, t->again);
    if (!run->over)
        rearm(run);
}

static void start_leg(struct chat_run *run, struct leg *l, enum breaker_pass pass)
{
    struct chat_models *models = run->chat->models;

    l->run = run;
    l->i_model = (size_t)run->chain[run->i_chain];
    l->pass = pass;
    l->attempt.model = model_of(run, l->i_model);
    l->attempt.token = on_token;
    l->attempt.end = on_end;
    l->attempt.arg = l;
    l->tried = record_start(run, l);
    l->attempt.trace = l->tried ? &l->tried->context : run->call.trace;
    run->result.tries++;
    run->result.i_model = l->i_model;
    chat_models_count(models, l->i_model, CHAT_REQUESTS);
    chat_try_start(&l->attempt, run->chat->http, buf_view(&run->body));
}

/* ---- the chain ---- */

static void write_body(struct chat_run *run)
{
    struct chat_ask ask = {.messages = buf_view(&run->messages),
                           .model = model_of(run, (size_t)run->chain[run->i_chain])->model,
                           .temperature = run->call.temperature,
                           .max_tokens = run->call.max_tokens,
                           .stream = true};

    buf_clear(&run->body);
    chat_ask_write(&ask, &run->body);
}

static void begin(struct chat_run *run, enum breaker_pass pass)
{
    size_t i = (size_t)run->chain[run->i_chain];
    uint64_t now = clock_ns();
    int64_t p95_ms = -1;

    write_body(run);
    run->n_tried++;
    run->due_ns[DUE_FIRST_TOKEN] = now + (uint64_t)model_of(run, i)->first_token_ms * MS_NS;
    if (run->call.hedge && !run->result.hedged && pass == BREAKER_CALL)
        p95_ms = chat_models_p95_ms(run->chat->models, i);
    if (p95_ms >= 0)
        run->due_ns[DUE_HEDGE] =
            now + (uint64_t)(p95_ms > CHAT_HEDGE_MIN_MS ? p95_ms : CHAT_HEDGE_MIN_MS) * MS_NS;
    start_leg(run, &run->legs[0], pass);
}

/* The first model from here on that its breaker lets through. */
static void ask_next(struct chat_run *run)
{
    for (; run->i_chain < run->call.n_models; run->i_chain++, run->n_tried = 0) {
        size_t i = (size_t)run->chain[run->i_chain];
        enum breaker_pass pass = chat_models_enter(run->chat->models, i);

        if (pass != BREAKER_REFUSED) {
            begin(run, pass);
            return;
        }
        run->result.rc = ERR_UNAVAILABLE;
        run->result.i_model = i;
        snprintf(run->error, sizeof run->error, "%s", err_text());
    }
    finish(run, run->result.rc);
}

/* ---- what time brings ---- */

static void retry(struct chat_run *run)
{
    chat_models_count(run->chat->models, (size_t)run->chain[run->i_chain], CHAT_RETRIES);
    ask_next(run);
}

static void hedge(struct chat_run *run)
{
    struct chat_models *models = run->chat->models;
    size_t i = run->legs[0].i_model;
    enum breaker_pass pass = BREAKER_REFUSED;

    if (run->legs[0].attempt.running && !chat_models_is_open(models, i))
        pass = chat_models_enter(models, i);
    if (pass == BREAKER_PROBE)
        chat_models_leave(models, i, pass, CHAT_NOTHING, NULL);
    if (pass != BREAKER_CALL)
        return;
    run->result.hedged = true;
    chat_models_count(models, i, CHAT_HEDGES);
    start_leg(run, &run->legs[1], pass);
}

/* Both requests, when there are two, have not begun to answer. */
static void begins_too_late(struct chat_run *run)
{
    size_t i = (size_t)run->chain[run->i_chain];
    const struct chat_model *m = model_of(run, i);

    char fault[64];

    snprintf(fault, sizeof fault, "no first token within %lld ms", (long long)m->first_token_ms);
    chat_model_blame(m, fault, run->error);
    run->result.rc = ERR_TIMEOUT;
    run->result.status = 0;
    run->result.retry_after_ms = -1;
    run->result.i_model = i;
    chat_models_first_token(run->chat->models, i, m->first_token_ms);
    stop_late(&run->legs[0], CHAT_FAILED, fault);
    stop_late(&run->legs[1], CHAT_NOTHING, NULL);
    go_on(run, run->i_chain + 1 == run->call.n_models);
}

static void time_is_up(struct chat_run *run)
{
    struct leg *l = &run->legs[0];
    const struct chat_model *m = model_of(run, run->result.i_model);
    int64_t ms = ms_since(run->start_ns);
    bool fair = false;
    char fault[64];

    snprintf(fault, sizeof fault, "no full answer within %lld ms", (long long)ms);
    chat_model_blame(m, fault, run->error);
    if (l->attempt.running && !run->winner) {
        ms = ms_since(l->attempt.start_ns);
        fair = ms >= FAIR_MS || ms * 2 >= m->first_token_ms;
    }
    stop_late(l, fair ? CHAT_FAILED : CHAT_NOTHING, fault);
    stop_late(&run->legs[1], CHAT_NOTHING, NULL);
    finish(run, ERR_TIMEOUT);
}

static void handle(struct chat_run *run, enum due what)
{
    switch (what) {
    case DUE_DONE: tell_done(run); break;
    case DUE_DEADLINE: time_is_up(run); break;
    case DUE_FIRST_TOKEN: begins_too_late(run); break;
    case DUE_HEDGE: hedge(run); break;
    case DUE_RETRY: retry(run); break;
    default: break;
    }
}

static void on_timer(uv_timer_t *timer)
{
    struct chat_run *run = timer->data;
    uint64_t now = clock_ns();

    for (int i = 0; i < N_DUE && !run->over; i++) {
        if (run->due_ns[i] == 0 || run->due_ns[i] > now)
            continue;
        run->due_ns[i] = 0;
        handle(run, (enum due)i);
    }
    if (!run->over)
        rearm(run);
}

/* The loop's clock may be behind ours, so the timer may come early; then it is set again. */
static void rearm(struct chat_run *run)
{
    uint64_t first = UINT64_MAX, now = clock_ns();

    for (int i = 0; i < N_DUE; i++)
        if (run->due_ns[i] && run->due_ns[i] < first)
            first = run->due_ns[i];
    if (first == UINT64_MAX)
        uv_timer_stop(&run->timer);
    else
        uv_timer_start(&run->timer, on_timer, first > now ? (first - now + MS_NS - 1) / MS_NS : 0,
                       0);
}

/* ---- from outside ---- */

struct chat *chat_new(uv_loop_t *loop, struct chat_models *models)
{
    struct chat *c = mem_calloc(1, sizeof *c);

    c->models = models;
    c->loop = loop;
    c->http = http_async_new(loop);
    return c;
}

void chat_free(struct chat *c)
{
    if (!c)
        return;
    CHECK(c->n_running == 0);
    http_async_free(c->http);
    mem_free(c);
}

static struct chat_run *run_new(struct chat *c, const struct chat_call *call)
{
    struct chat_run *run = mem_calloc(1, sizeof *run);

    run->chat = c;
    run->call = *call;
    run->chain = mem_dup(call->models, call->n_models * sizeof *call->models);
    run->start_ns = clock_ns();
    run->due_ns[DUE_DEADLINE] = call->until_ns;
    run->result.retry_after_ms = -1;
    if (call->trace && call->record)
        run->tried = mem_calloc(CHAT_TRIED_MAX, sizeof *run->tried);
    chat_messages_write(call->messages, call->n, &run->messages);
    uv_timer_init(c->loop, &run->timer);
    run->timer.data = run;
    c->n_running++;
    return run;
}

struct chat_run *chat_start(struct chat *c, const struct chat_call *call)
{
    struct chat_run *run;

    CHECK(call->n_models > 0);
    run = run_new(c, call);
    run->starting = true;
    ask_next(run);
    run->starting = false;
    rearm(run);
    return run;
}

void chat_cancel(struct chat_run *run)
{
    CHECK(!run->over);
    chat_models_count(run->chat->models, run->result.i_model, CHAT_CANCELLED);
    close_run(run);
}
