#include "ingest/model_summaries.h"

#include <math.h>
#include <uv.h>

#include "base/buf.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "engine/engine.h"
#include "generate/chat.h"
#include "generate/summarize.h"
#include "ingest/owed.h"
#include "ingest/report.h"
#include "ingest/summary.h"
#include "ingest/summary_money.h"

#define TICK_MS         50 /* between two looks at a cancel flag */
#define PAUSE_MS        500
#define AWAY_IN_A_ROW   3  /* the server is not there: enough to know */
#define FAILED_IN_A_ROW 20 /* it refuses, which may lie in the documents */

enum job_state { JOB_IDLE, JOB_WAITS, JOB_RUNS, JOB_OVER };

/* One document. */
struct job {
    struct making *m;
    enum job_state state;
    struct owed_document doc; /* ready owned */
    struct chat_message messages[SUMMARIZE_MESSAGES];
    struct chat_run *run;
    struct buf reply;
    int n_tried;
    struct chat_result result; /* once it is over; its texts are not kept */
    char error[ERR_TEXT_MAX];
    struct ingest_result written;
};

struct making {
    struct engine *e;
    const struct model_summaries_options *o;
    struct model_summaries *out;
    struct ingest_options how;
    struct ingest_report report; /* nobody reads it */
    struct run run;
    struct batch *batch;
    const struct chat_model *model;
    int i_model;
    struct digest by;
    struct owed_spec spec;
    int64_t after_id;
    size_t n_total, n_in_a_row; /* of failures */
    bool stopped;               /* no more is begun */
    bool held;                  /* nor until something under way has told what it really takes */
    uint64_t due_ns;            /* nothing is begun before */
    uv_loop_t loop;
    uv_timer_t tick;
    struct chat *chat;
    struct job jobs[MODEL_SUMMARIES_AT_ONCE];
};

bool model_summaries_wanted(const struct engine *e)
{
    return e->config.ingest.summaries && *e->config.ingest.summary_model && e->chat_models;
}

int model_summaries_check(const struct engine *e)
{
    if (model_summaries_wanted(e))
        return ERR_OK;
    return FAIL(ERR_ARGUMENT, "no language model is to write summaries: 'ingest.summary_model' "
                              "names one of 'llm', and 'ingest.summaries' is on");
}

/* The rest is owed, and this is why. */
static void stop(struct making *m, const char *reason)
{
    m->stopped = true;
    snprintf(m->out->reason, sizeof m->out->reason, "%s", reason);
}

/* ---- what it may cost ---- */

static int64_t bytes_asked(const struct job *j)
{
    int64_t n = 0;

    for (size_t i = 0; i < SUMMARIZE_MESSAGES; i++)
        n += (int64_t)j->messages[i].text.n;
    return n;
}

/* Whether what is under way, a new one with it, stays within the limits of the day. */
static int check_limits(struct making *m)
{
    struct spent reserved = {0};
    char why[ERR_TEXT_MAX] = "";
    size_t n = 0;
    int rc = ERR_OK;

    for (size_t i = 0; i < MODEL_SUMMARIES_AT_ONCE; i++) {
        if (m->jobs[i].state == JOB_IDLE)
            continue;
        n++;
        spent_add(&reserved, spent_guess(m->model, bytes_asked(&m->jobs[i]), -1));
    }
    TRY(summary_money_left(m->e, &reserved, why, sizeof why));
    if (*why && n > 1)
        m->held = true;
    else if (*why)
        stop(m, why);
out:
    return rc;
}

/* ---- asking ---- */

static void job_drop(struct job *j)
{
    ready_free(j->doc.ready);
    j->doc = (struct owed_document){0};
    buf_clear(&j->reply);
    mem_free(j->written.reason);
    j->written = (struct ingest_result){0};
    j->state = JOB_IDLE;
    j->n_tried = 0;
}

static void take_token(void *arg, struct str text)
{
    struct job *j = arg;

    if (j->reply.n < SUMMARIZE_REPLY_MAX)
        buf_add_view(&j->reply, text);
}

static void take_result(void *arg, const struct chat_result *result)
{
    struct job *j = arg;

    j->result = *result;
    snprintf(j->error, sizeof j->error, "%s", result->error);
    j->state = JOB_OVER;
    uv_stop(&j->m->loop);
}

static void start(struct job *j)
{
    struct making *m = j->m;
    struct chat_call call = {
        .messages = j->messages,
        .n = SUMMARIZE_MESSAGES,
        .models = &m->i_model,
        .n_models = 1,
        .temperature = NAN,
        .max_tokens = SUMMARIZE_TOKENS_MAX,
        .until_ns = clock_ns() + (uint64_t)m->model->timeout_ms * 1000000,
        .token = take_token,
        .done = take_result,
        .arg = j,
    };

    buf_clear(&j->reply);
    j->n_tried++;
    j->state = JOB_RUNS;
    j->run = chat_start(m->chat, &call);
}

/* The next document, unless there is none or a limit forbids it. */
static int fill(struct making *m, struct job *j)
{
    int rc = ERR_OK;
    int64_t before_id = m->after_id;
    bool found = false;

    if (m->stopped || m->held || clock_ns() < m->due_ns)
        return ERR_OK;
    TRY(owed_next(&m->run, &m->spec, &m->after_id, &j->doc, &found));
    if (!found)
        return ERR_OK;
    summarize_messages(j->doc.ready->row.title, j->doc.excerpt, j->doc.ready->mem, j->messages);
    j->state = JOB_WAITS;
    TRY(check_limits(m));
    if (m->stopped || m->held) {
        job_drop(j);
        m->after_id = before_id;
    }
out:
    return rc;
}

/* *busy: something is under way, or will be after a pause. */
static int begin_some(struct making *m, bool *busy)
{
    int rc = ERR_OK;

    *busy = false;
    for (size_t i = 0; i < MODEL_SUMMARIES_AT_ONCE; i++) {
        struct job *j = &m->jobs[i];

        if (j->state == JOB_IDLE)
            TRY(fill(m, j));
        if (j->state == JOB_WAITS && m->stopped)
            job_drop(j);
        if (j->state == JOB_WAITS && clock_ns() >= m->due_ns)
            start(j);
        *busy |= j->state != JOB_IDLE;
    }
    *busy |= clock_ns() < m->due_ns && !m->stopped;
out:
    return rc;
}

/* ---- what came of it ---- */

static void count_failure(struct making *m, int most, const char *why)
{
    snprintf(m->out->reason, sizeof m->out->reason, "%s", why);
    if (++m->n_in_a_row >= (size_t)most)
        m->stopped = true;
}

/* Asked again after a pause, or left owed. */
static void on_failure(struct job *j)
{
    struct making *m = j->m;
    int64_t pause_ms = j->result.retry_after_ms;
    bool is_away = j->result.rc == ERR_UNAVAILABLE || j->result.rc == ERR_TIMEOUT;

    if (pause_ms < 0)
        pause_ms = (int64_t)PAUSE_MS << j->n_tried;
    if (pause_ms > MODEL_SUMMARIES_PAUSE_MAX_MS) {
        stop(m, j->error);
    } else if (j->result.rc == ERR_UNAVAILABLE && j->n_tried < MODEL_SUMMARIES_TRIES) {
        m->due_ns = clock_ns() + (uint64_t)pause_ms * 1000000;
        j->state = JOB_WAITS;
        return;
    } else {
        count_failure(m, is_away ? AWAY_IN_A_ROW : FAILED_IN_A_ROW, j->error);
    }
    job_drop(j);
}

/* A server that was cut off, or does not say, is paid all the same. */
static struct spent paid_for(const struct job *j)
{
    const struct chat_result *r = &j->result;

    if (r->usage_known)
        return (struct spent){(int64_t)(r->prompt_tokens + r->completion_tokens), r->cost};
    if (j->reply.n == 0)
        return (struct spent){0};
    return spent_guess(j->m->model, bytes_asked(j), (int64_t)j->reply.n);
}

static int find_summary(struct job *j)
{
    struct making *m = j->m;
    struct ready *d = j->doc.ready;
    struct snapshot *snap = NULL;
    struct word_analyzer *words;
    struct str text;
    int rc = retriever_snapshot(m->e->retriever, m->run.tenant, m->run.collection, &snap);

    if (rc < 0)
        return rc;
    words = analyzers_get(snapshot_analyzers(snap));
    text = summarize_keep(words, buf_view(&j->reply), d->row.title, j->doc.excerpt, SUMMARY_CHARS,
                          d->mem);
    analyzers_put(snapshot_analyzers(snap), words);
    snapshot_unref(snap);
    d->given = summary_titled(d->row.title, text, d->mem);
    d->summary_by = &m->by;
    d->result = &j->written;
    return ERR_OK;
}

/* What was paid, and the documents whose central sentences stay. */
struct settling {
    struct making *m;
    struct spent paid;
    bool all_found; /* else it is not known which those are */
};

static int mark_kept(struct store_tx *tx, struct job *j)
{
    struct ready *d = j->doc.ready;
    struct arena *mem = arena_new(0);
    struct document_row now;
    int rc = store_find_document(store_tx_reader(tx), j->m->run.collection_id, d->row.key, false,
                                 mem, &now);

    if (rc == ERR_OK && now.id == d->row.id && digest_eq(&now.hash, d->over))
        rc = store_tx_mark_summary(tx, now.id, &j->m->by);
    arena_free(mem);
    return rc == ERR_NOT_FOUND ? ERR_OK : rc;
}

static bool is_answered(const struct job *j)
{
    return j->state == JOB_OVER && j->result.rc == ERR_OK && j->result.complete;
}

static int settle_in_tx(struct store_tx *tx, void *arg)
{
    int rc = ERR_OK;
    struct settling *s = arg;

    if (s->paid.tokens)
        TRY(store_tx_add_spent(tx, summary_money_day(), &s->paid));
    for (size_t i = 0; i < MODEL_SUMMARIES_AT_ONCE && s->all_found; i++)
        if (is_answered(&s->m->jobs[i]) && s->m->jobs[i].doc.ready->given.n == 0)
            TRY(mark_kept(tx, &s->m->jobs[i]));
out:
    return rc;
}

/* The money first: what is paid and not written is asked again, not paid in secret. */
static int settle(struct making *m)
{
    struct settling s = {.m = m};
    char why[ERR_TEXT_MAX] = "";
    int rc = ERR_OK, found = ERR_OK;

    for (size_t i = 0; i < MODEL_SUMMARIES_AT_ONCE; i++) {
        struct job *j = &m->jobs[i];

        if (j->state != JOB_OVER)
            continue;
        spent_add(&s.paid, paid_for(j));
        if (is_answered(j) && found == ERR_OK)
            found = find_summary(j);
    }
    if (found < 0)
        snprintf(why, sizeof why, "%s", err_text());
    s.all_found = found == ERR_OK;
    TRY(store_write(m->e->store, settle_in_tx, NULL, &s));
    m->out->tokens += s.paid.tokens;
    m->out->cost += s.paid.cost;
    if (found < 0)
        rc = err_set(found, "%s", why);
out:
    return rc;
}

/* Those that have a summary; the batch takes the document. */
static int write_made(struct making *m)
{
    int rc = ERR_OK;

    for (size_t i = 0; i < MODEL_SUMMARIES_AT_ONCE; i++) {
        struct job *j = &m->jobs[i];
        struct ready *d = j->doc.ready;

        if (!is_answered(j) || d->given.n == 0)
            continue;
        j->written.status = INGEST_REFUSED;
        j->doc.ready = NULL;
        TRY(batch_add(m->batch, d));
    }
    TRY(batch_flush(m->batch));
out:
    return rc;
}

static void count_answered(struct making *m, struct job *j)
{
    if (j->doc.ready)
        m->out->kept++;
    else if (j->written.status == INGEST_INGESTED)
        m->out->made++;
    if (j->doc.ready || j->written.status == INGEST_INGESTED)
        m->n_in_a_row = 0;
    else
        count_failure(m, FAILED_IN_A_ROW, j->written.reason ? j->written.reason : "not written");
    job_drop(j);
}

static int take_finished(struct making *m)
{
    int rc = ERR_OK;
    size_t n_over = 0;

    for (size_t i = 0; i < MODEL_SUMMARIES_AT_ONCE; i++)
        n_over += m->jobs[i].state == JOB_OVER;
    if (n_over == 0)
        return ERR_OK;
    m->held = false;
    TRY(settle(m));
    TRY(write_made(m));
    for (size_t i = 0; i < MODEL_SUMMARIES_AT_ONCE; i++) {
        struct job *j = &m->jobs[i];

        if (is_answered(j))
            count_answered(m, j);
        else if (j->state == JOB_OVER)
            on_failure(j);
    }
out:
    return rc;
}

/* ---- the run ---- */

static void on_tick(uv_timer_t *t)
{
    uv_stop(t->loop);
}

static int make_all(struct making *m)
{
    int rc = ERR_OK;
    bool busy = true;

    for (;;) {
        if (m->o->progress)
            m->o->progress(m->o->arg, m->out->made + m->out->kept, m->n_total);
        TRY(run_check(&m->run));
        TRY(begin_some(m, &busy));
        if (!busy)
            break;
        uv_run(&m->loop, UV_RUN_DEFAULT); /* until a reply is in, or the next tick */
        TRY(take_finished(m));
    }
out:
    for (size_t i = 0; i < MODEL_SUMMARIES_AT_ONCE; i++)
        if (m->jobs[i].state == JOB_RUNS)
            chat_cancel(m->jobs[i].run);
    return rc;
}

static int open_loop(struct making *m)
{
    int e = uv_loop_init(&m->loop);

    if (e < 0)
        return FAIL(ERR_IO, "cannot make an event loop: %s", uv_strerror(e));
    CHECK(uv_timer_init(&m->loop, &m->tick) == 0);
    CHECK(uv_timer_start(&m->tick, on_tick, TICK_MS, TICK_MS) == 0);
    m->chat = chat_new(&m->loop, m->e->chat_models);
    return ERR_OK;
}

static void close_loop(struct making *m)
{
    chat_free(m->chat);
    uv_close((uv_handle_t *)&m->tick, NULL);
    uv_run(&m->loop, UV_RUN_DEFAULT);
    CHECK(uv_loop_close(&m->loop) == 0);
}

static struct digest made_by(const struct chat_model *model)
{
    struct digester *d = digester_new();
    struct digest with = summarize_digest();

    digester_add_str(d, model->url);
    digester_add_str(d, model->model);
    digester_add(d, with.b, DIGEST_BYTES);
    return digester_finish(d);
}

static int open_making(struct making *m, struct engine *e, const struct model_summaries_options *o,
                       struct model_summaries *out)
{
    int rc = model_summaries_check(e);

    *out = (struct model_summaries){0};
    *m = (struct making){.e = e, .o = o, .out = out};
    if (rc < 0)
        return rc;
    m->i_model = chat_models_find(e->chat_models, e->config.ingest.summary_model);
    CHECK(m->i_model >= 0);
    m->model = chat_models_get(e->chat_models, (size_t)m->i_model);
    m->by = made_by(m->model);
    m->how = (struct ingest_options){.tenant = o->tenant,
                                     .collection = o->collection,
                                     .chunk_chars = -1,
                                     .chunk_overlap = -1,
                                     .cancel = o->cancel};
    ingest_report_init(&m->report);
    rc = run_open(&m->run, e, &m->how, &m->report);
    m->spec = owed_spec_of(&m->run, o->again ? &m->by : NULL);
    for (size_t i = 0; i < MODEL_SUMMARIES_AT_ONCE; i++)
        m->jobs[i].m = m;
    return rc;
}

static void close_making(struct making *m)
{
    for (size_t i = 0; i < MODEL_SUMMARIES_AT_ONCE; i++) {
        job_drop(&m->jobs[i]);
        buf_done(&m->jobs[i].reply);
    }
    run_close(&m->run);
    ingest_report_done(&m->report);
}

static int count_owed(struct making *m, size_t *out)
{
    struct store_reader *reader = store_reader_get(m->e->store);
    uint64_t n = 0;
    int rc = store_count_owed(reader, &m->spec, &n);

    store_reader_put(m->e->store, reader);
    *out = (size_t)n;
    return rc;
}

int model_summaries_count(struct engine *e, const struct model_summaries_options *o,
                          struct model_summaries *out)
{
    struct making m;
    int rc = open_making(&m, e, o, out);

    if (rc < 0)
        return rc;
    rc = count_owed(&m, &out->owed);
    close_making(&m);
    return rc;
}

static int make(struct making *m)
{
    int rc = ERR_OK;

    TRY(count_owed(m, &m->n_total));
    if (m->n_total) {
        TRY(open_loop(m));
        m->batch = batch_new(&m->run);
        rc = make_all(m);
        batch_free(m->batch);
        close_loop(m);
    }
    TRY(rc);
    TRY(count_owed(m, &m->out->owed));
    if (m->out->owed == 0)
        m->out->reason[0] = '\0';
out:
    return rc;
}

int model_summaries_make(struct engine *e, const struct model_summaries_options *o,
                         struct model_summaries *out)
{
    struct making m;
    int rc = open_making(&m, e, o, out);

    if (rc < 0)
        return rc;
    if (atomic_exchange(&e->summarizing, true)) {
        rc = FAIL(ERR_BUSY, "summaries are being made already");
    } else {
        rc = make(&m);
        atomic_store(&e->summarizing, false);
    }
    close_making(&m);
    return rc;
}
