#include "server/ask.h"

#include <string.h>

#include "base/check.h"
#include "base/err.h"
#include "base/mem.h"
#include "engine/engine.h"
#include "query/question_chat.h"
#include "server/http.h"
#include "server/limits.h"
#include "server/service.h"
#include "server/sse.h"
#include "text/tokens.h"

static struct ask *ask_of(struct work *w)
{
    return (struct ask *)((char *)w - offsetof(struct ask, work));
}

static void count_degraded(struct metrics *m, unsigned degraded)
{
    if (degraded & DEGRADED_EMBED)
        metrics_degraded(m, METRICS_PART_EMBED);
    if (degraded & DEGRADED_RERANK)
        metrics_degraded(m, METRICS_PART_RERANK);
    if (degraded & DEGRADED_MODEL)
        metrics_degraded(m, METRICS_PART_MODEL);
    if (degraded & (DEGRADED_GENERATE | DEGRADED_QUOTED))
        metrics_degraded(m, METRICS_PART_GENERATE);
    if (degraded & DEGRADED_LENGTH)
        metrics_degraded(m, METRICS_PART_LENGTH);
}

/* Who follows a model's log has no answer of its own: what that saved is not known yet. */
static void count_joined(const struct ask *a)
{
    struct answers *answers = a->loop->service->engine->answers;

    metrics_count(a->loop->service->metrics, COUNT_JOINED);
    answers_count(answers, ANSWERS_OUTCOME_JOINED);
    if (a->answer.shared)
        answers_saved(answers, a->answer.shared, trace_total_ns(&a->answer.trace));
}

/* ---- whose last reader has left ---- */

static void leave_deserted(struct ask *a)
{
    if (!a->deserted)
        return;
    a->deserted = false;
    *(a->previous_deserted ? &a->previous_deserted->next_deserted : &a->loop->deserted) =
        a->next_deserted;
    if (a->next_deserted)
        a->next_deserted->previous_deserted = a->previous_deserted;
}

static void finish(struct ask *a, int rc, const char *error)
{
    struct metrics *m = a->loop->service->metrics;

    leave_deserted(a);
    a->rc = rc;
    a->error = error;
    if (rc == ERR_OK && a->answer.cache == CACHE_MISS)
        metrics_count(m, COUNT_RUNS);
    if (rc == ERR_OK && a->answer.cache == CACHE_JOINED) {
        count_joined(a);
        query_was_asked(a->loop->service->engine, &a->query, &a->key);
    }
    if (rc == ERR_OK)
        count_degraded(m, a->answer.degraded);
    a->done(a);
}

int ask_status(const struct ask *a, int rc)
{
    return a->answer.upstream_status == 429 ? 429 : http_status_of(rc);
}

static void write_reply(struct ask *a, struct buf *out)
{
    query_reply(&a->answer, a->id, out);
    metrics_trace(a->loop->service->metrics, &a->answer.trace);
}

void ask_reply(struct ask *a, struct buf *out)
{
    if (a->written.n)
        buf_add_view(out, buf_view(&a->written));
    else
        write_reply(a, out);
}

void ask_reply_around(struct ask *a, struct buf *around, struct str pieces[QUERY_REPLY_PIECES])
{
    if (a->written.n) {
        pieces[0] = buf_view(&a->written);
        pieces[1] = pieces[2] = STR_LIT("");
        return;
    }
    query_reply_around(&a->answer, a->id, around, pieces);
    metrics_trace(a->loop->service->metrics, &a->answer.trace);
}

void ask_done(struct ask *a)
{
    answer_done(&a->answer);
    event_log_unref(a->log);
    buf_done(&a->text);
    buf_done(&a->written);
}

static void land(struct ask *a, int rc, const char *error)
{
    if (a->leads)
        flights_land(a->loop->service->engine->flights, &a->flight, a->answer.shared, rc, error);
    a->leads = false;
}

/* ---- a language model's part ---- */

/* What the log says at the end; the reply is written once, for all its readers. */
static void end_log(struct ask *a, int rc, const char *error)
{
    struct buf problem = {0};
    int status;

    if (rc == ERR_OK) {
        write_reply(a, &a->written);
        if (!a->answer.generated.text.p)
            sse_add_stand_in(a->log, buf_view(&a->written), a->text.n > 0);
        sse_add_citations(a->log, buf_view(&a->written));
        event_log_add(a->log, "done", buf_view(&a->written));
    } else {
        status = ask_status(a, rc);
        http_problem(&problem, status, status == 429 ? "rate_limited" : err_name(rc),
                     str_of(error));
        event_log_add(a->log, "error", buf_view(&problem));
        buf_done(&problem);
    }
    event_log_on_abandoned(a->log, NULL, NULL);
    replay_live_remove(a->loop->replay, a->log);
    if (rc != ERR_CANCELLED) /* who comes back to that begins again */
        replay_keep(a->loop->replay, a->log, a->loop->now_ms);
    event_log_finish(a->log);
}

static void generated(struct work *w)
{
    struct ask *a = ask_of(w);

    end_log(a, w->rc, w->error);
    finish(a, w->rc, w->error);
}

static int take_result(struct work *w)
{
    struct ask *a = ask_of(w);
    int rc;

    trace_context_bind(a->trace);
    rc = query_finish(a->loop->service->engine, &a->query, &a->answer, &a->result,
                      buf_view(&a->text));
    trace_context_bind(NULL);
    land(a, rc, err_text());
    return rc;
}

static int64_t guess_asked(const struct ask *a)
{
    const struct question_chat *chat = a->answer.chat;
    size_t n = 0;

    for (size_t i = 0; i < chat->n; i++)
        n += tokens_count(NULL, chat->messages[i].text);
    return (int64_t)n;
}

/* What the model's server told, else a guess where it has begun to answer: leaving early is not for
 * nothing. Who joined or found it in a cache pays nothing. */
static void pay(const struct ask *a, const struct chat_result *result)
{
    if (!a->payer)
        return;
    if (result && result->usage_known)
        limits_spend(a->payer, (int64_t)(result->prompt_tokens + result->completion_tokens));
    else if (a->text.n)
        limits_spend(a->payer, guess_asked(a) + (int64_t)tokens_count(NULL, buf_view(&a->text)));
}

/* Of a call that is over, or about to be cancelled. */
static void keep_tries(struct ask *a)
{
    size_t n;
    const struct chat_tried *tries = chat_tries(a->asking, &n);
    uint64_t now = trace_add(&a->answer.trace, STAGE_GENERATE, a->asking_since_ns);

    a->n_tries = n;
    a->tries = ARENA_ARRAY(a->answer.mem, struct chat_tried, n);
    for (size_t i = 0; i < n; i++) {
        a->tries[i] = tries[i];
        a->tries[i].cancelled |= tries[i].end_ns == 0;
        a->tries[i].end_ns = tries[i].end_ns ? tries[i].end_ns : now;
    }
}

static void asked(void *arg, const struct chat_result *result)
{
    struct ask *a = arg;

    keep_tries(a);
    a->asking = NULL;
    a->result = *result;
    a->result.error = arena_strdup(a->answer.mem, result->error);
    a->result.finish = arena_strdup(a->answer.mem, result->finish);
    pay(a, result);
    a->work = (struct work){
        .loop = a->loop, .run = take_result, .done = generated, .flow = pool_flow(a->query.tenant)};
    if (work_submit_again(&a->work, a->loop->service->engine->pool, QUEUE_URGENT) == ERR_OK)
        a->loop->n_away--; /* the call's place was ours, and now it is the work's */
    else
        CHECK(!"the pool is there as long as the loop");
}

static void token(void *arg, struct str text)
{
    struct ask *a = arg;

    buf_add_view(&a->text, text);
    sse_add_token(a->log, text); /* may end the ask: a reader who left was the last */
}

/* Nobody reads it: those who come later find that it is void. */
static bool cut(void *arg)
{
    struct ask *a = arg;
    struct buf sources = {0};

    if (event_log_watchers(a->log))
        return false;
    buf_clear(&a->text);
    query_sources(&a->query, &a->answer, &sources);
    sse_add_reset(a->log, buf_view(&sources));
    buf_done(&sources);
    return true;
}

/* Whether somebody still wants the answer; else there will be none. */
static void cancel_if_alone(struct ask *a)
{
    struct engine *e = a->loop->service->engine;

    if (!a->asking || a->beginning || !a->left || event_log_watchers(a->log) ||
        strcmp(engine_settings(e)->stream.abandoned, "finish") == 0)
        return;
    if (a->leads && !flights_abandon(e->flights, &a->flight))
        return;
    a->leads = false;
    keep_tries(a);
    chat_cancel(a->asking);
    pay(a, NULL);
    a->asking = NULL;
    a->loop->n_away--;
    end_log(a, ERR_CANCELLED, "nobody reads it any more");
    finish(a, ERR_CANCELLED, "nobody reads it any more");
}

static void grace_is_over(uv_timer_t *timer);

/* For the first that is due; they are not in that order, and few. */
static void set_grace_timer(struct loop *l)
{
    uint64_t now = uv_now(&l->uv), first = UINT64_MAX;

    for (const struct ask *a = l->deserted; a; a = a->next_deserted)
        first = a->grace_ms < first ? a->grace_ms : first;
    if (first == UINT64_MAX)
        uv_timer_stop(&l->grace);
    else
        uv_timer_start(&l->grace, grace_is_over, first > now ? first - now : 0, 0);
}

static void grace_is_over(uv_timer_t *timer)
{
    struct loop *l = timer->data;
    uint64_t now = uv_now(&l->uv);

    for (struct ask *a = l->deserted, *next; a; a = next) {
        next = a->next_deserted;
        if (a->grace_ms > now)
            continue;
        leave_deserted(a);
        cancel_if_alone(a); /* unless somebody has come back */
    }
    set_grace_timer(l);
}

/* Its last reader has left. */
static void log_abandoned(void *arg)
{
    struct ask *a = arg;
    struct loop *l = a->loop;
    uint64_t grace = (uint64_t)engine_settings(l->service->engine)->stream.grace_ms;

    if (grace == 0 || !a->asking || l->draining) {
        cancel_if_alone(a);
        return;
    }
    leave_deserted(a);
    a->grace_ms = uv_now(&l->uv) + grace;
    a->deserted = true;
    a->previous_deserted = NULL;
    a->next_deserted = l->deserted;
    if (a->next_deserted)
        a->next_deserted->previous_deserted = a;
    l->deserted = a;
    set_grace_timer(l);
}

void ask_leave(struct ask *a)
{
    a->left = true;
    cancel_if_alone(a);
}

static void wait_in_line(struct ask *a)
{
    a->previous_waiting = NULL;
    a->next_waiting = a->loop->waiting;
    if (a->next_waiting)
        a->next_waiting->previous_waiting = a;
    a->loop->waiting = a;
}

static void leave_line(struct ask *a)
{
    *(a->previous_waiting ? &a->previous_waiting->next_waiting : &a->loop->waiting) =
        a->next_waiting;
    if (a->next_waiting)
        a->next_waiting->previous_waiting = a->previous_waiting;
}

/* Those who came while passages were looked for, and stream. */
static void lead_followers(struct ask *a)
{
    for (struct ask *w = a->loop->waiting, *next; w; w = next) {
        next = w->next_waiting;
        if (!w->follows || !digest_eq(&w->flight, &a->flight) ||
            !flights_leave(a->loop->service->engine->flights, &w->flight, w))
            continue;
        leave_line(w);
        w->loop->n_away--; /* nobody else will post it */
        w->log = event_log_ref(a->log);
        w->began(w);
        finish(w, ERR_OK, NULL);
    }
}

static void begin_log(struct ask *a)
{
    struct buf sources = {0};

    a->log = event_log_new(&a->key);
    query_sources(&a->query, &a->answer, &sources);
    sse_add_member(a->log, "sources", "sources", buf_view(&sources));
    buf_done(&sources);
    event_log_on_abandoned(a->log, log_abandoned, a);
    replay_live_add(a->loop->replay, &a->flight, a->log);
}

static void ask_model(struct ask *a)
{
    const struct question_chat *chat = a->answer.chat;
    struct chat_call call = {.messages = chat->messages,
                             .n = chat->n,
                             .models = chat->models,
                             .n_models = chat->n_models,
                             .temperature = a->query.temperature,
                             .max_tokens = a->query.max_tokens,
                             .until_ns = chat->until_ns,
                             .hedge = true,
                             .trace = a->trace,
                             .record = a->recorded,
                             .token = token,
                             .cut = cut,
                             .done = asked,
                             .arg = a};

    begin_log(a);
    a->loop->n_away++; /* the loop waits for it when draining */
    a->asking_since_ns = clock_ns();
    a->asking = chat_start(a->loop->chat, &call);
    a->beginning = true;
    if (a->began)
        a->began(a);
    if (a->leads)
        lead_followers(a);
    a->beginning = false;
    cancel_if_alone(a); /* who left while passages were looked for */
}

/* ---- another replica's run ---- */

static void replica_answered(struct work *w)
{
    struct ask *a = ask_of(w);

    trace_add(&a->answer.trace, STAGE_QUEUE, w->submitted_ns);
    if (!query_awaited(a->loop->service->engine, &a->query, &a->answer)) {
        ask_model(a);
        return;
    }
    land(a, ERR_OK, NULL);
    finish(a, ERR_OK, NULL);
}

/* On the cache's thread. */
static void replica_is_done(void *arg)
{
    struct ask *a = arg;

    loop_post(&a->work);
}

static void await_replica(struct ask *a)
{
    a->work = (struct work){.loop = a->loop, .done = replica_answered, .submitted_ns = clock_ns()};
    work_expect(&a->work);
    query_await(a->loop->service->engine, &a->answer, replica_is_done, a);
}

static void came_back(struct work *w)
{
    struct ask *a = ask_of(w);

    trace_add(&a->answer.trace, STAGE_QUEUE, w->submitted_ns);
    if (w->rc == ERR_OK && a->answer.waits)
        await_replica(a);
    else if (w->rc == ERR_OK && a->answer.unfinished)
        ask_model(a);
    else
        finish(a, w->rc, w->error);
}

static void others_came(struct work *w)
{
    leave_line(ask_of(w));
    came_back(w);
}

/* ---- our own run ---- */

static int run(struct work *w)
{
    struct ask *a = ask_of(w);
    struct trace *trace = &a->answer.trace;
    uint64_t since;
    int rc;

    trace_add(trace, STAGE_QUEUE, w->submitted_ns);
    trace_context_bind(a->trace);
    if (query_is_late(&a->query, w->submitted_ns))
        rc = FAIL(ERR_TIMEOUT, "the question's turn came after its deadline_ms");
    else
        rc = query_run(a->loop->service->engine, &a->query, &a->answer);
    trace_context_bind(NULL);
    since = clock_ns();
    if (rc < 0 || !a->answer.unfinished)
        land(a, rc, err_text());
    w->submitted_ns = trace_add(trace, STAGE_CACHE, since); /* the way back is waiting too */
    return rc;
}

static void start_run(struct ask *a)
{
    int rc;

    a->work = (struct work){
        .loop = a->loop, .run = run, .done = came_back, .flow = pool_flow(a->query.tenant)};
    rc = work_submit(&a->work, a->loop->service->engine->pool, QUEUE_URGENT);
    if (rc == ERR_OK)
        return;
    land(a, rc, err_text());
    finish(a, rc, err_text());
}

/* ---- another's run ---- */

/* On the leader's thread. */
static void landed(void *arg, struct lru_value *reply, int rc, const char *error)
{
    struct ask *a = arg;

    a->answer.shared = reply;
    a->work.rc = rc;
    a->work.error = rc < 0 ? mem_strdup(error) : NULL;
    loop_post(&a->work);
}

/* Only questions that want the plain answer share a run: one with a deadline may be answered in
 * part, which nobody else should get, and one that asks for a fresh run gets one. */
static bool may_share(const struct query *q)
{
    return q->cache == QUERY_CACHE_DEFAULT && q->deadline_ms == 0 && q->freshness.min_fresh_s == 0;
}

bool ask_cached(struct ask *a)
{
    return query_cached(a->loop->service->engine, &a->query, &a->key, &a->answer);
}

void ask_finish_cached(struct ask *a)
{
    http_random_id(&a->loop->ids, "q_", a->id);
    trace_add(&a->answer.trace, STAGE_CACHE, a->since_ns);
    finish(a, ERR_OK, NULL);
}

void ask_start(struct ask *a)
{
    struct engine *e = a->loop->service->engine;
    uint64_t since;

    if (ask_cached(a)) {
        ask_finish_cached(a);
        return;
    }
    http_random_id(&a->loop->ids, "q_", a->id);
    since = trace_add(&a->answer.trace, STAGE_CACHE, a->since_ns);
    a->leads = false;
    if (may_share(&a->query)) {
        a->flight = query_flight_key(e, &a->query, &a->key);
        a->work = (struct work){.loop = a->loop, .done = others_came, .submitted_ns = since};
        a->answer.cache = CACHE_JOINED;
        work_expect(&a->work);
        wait_in_line(a);
        if (!flights_join(e->flights, &a->flight, landed, a))
            return;
        leave_line(a);
        a->loop->n_away--; /* we lead: nobody else will post it */
        a->leads = true;
        a->answer.cache = CACHE_MISS;
    }
    trace_add(&a->answer.trace, STAGE_CACHE, since);
    start_run(a);
}

struct event_log *ask_live(struct ask *a)
{
    struct digest flight;
    struct event_log *live;

    if (!may_share(&a->query))
        return NULL;
    flight = query_flight_key(a->loop->service->engine, &a->query, &a->key);
    live = replay_live(a->loop->replay, &flight);
    if (!live)
        return NULL;
    http_random_id(&a->loop->ids, "q_", a->id);
    count_joined(a);
    return live;
}
