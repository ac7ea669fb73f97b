#include "server/jobs.h"

#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/jsonw.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"
#include "ingest/ingest.h"
#include "server/http.h"

#define NICENESS 5 /* questions first, where processors are few */
#define MEAN_OF  4 /* jobs, about, of what one takes */

enum job_state { QUEUED, RUNNING, DONE, FAILED, CANCELLED };

struct job {
    struct jobs *jobs;
    struct job *next; /* older ones first */
    char id[JOB_ID_BYTES];
    char *tenant, *scope;
    struct job_work work;
    atomic_bool cancel;

    /* guarded by jobs->mu */
    enum job_state state;
    size_t done, ingested, unchanged, chunks;
    size_t n_told_refused, n_told_skipped; /* of the report's lists */
    struct buf refused;                    /* members of the list, as JSON */
    int64_t created_ms, started_ms, ended_ms;
    char *error;
};

struct jobs {
    pthread_t threads[JOBS_THREADS];
    pthread_mutex_t mu; /* guards the fields below */
    pthread_cond_t changed;
    struct job *first;
    int64_t mean_ms; /* of what one takes; 0: none has ended */
    bool stopping, joined;
};

static bool has_ended(const struct job *j)
{
    return j->state >= DONE;
}

/* ---- keeping ---- */

static void job_free(struct job *j)
{
    if (j->work.arg)
        j->work.free(j->work.arg);
    buf_done(&j->refused);
    mem_free(j->tenant);
    mem_free(j->scope);
    mem_free(j->error);
    mem_free(j);
}

static bool is_of(const struct job *j, struct str scope)
{
    return str_eq(str_of(j->scope), scope);
}

static bool is_tenants(const struct job *j, const char *tenant)
{
    return strcmp(j->tenant, tenant) == 0;
}

/* The oldest that has ended, of one tenant or of all (NULL). */
static void drop_oldest_locked(struct jobs *js, const char *tenant)
{
    for (struct job **at = &js->first; *at; at = &(*at)->next) {
        struct job *j = *at;

        if (!has_ended(j) || j->work.arg || (tenant && !is_tenants(j, tenant)))
            continue;
        *at = j->next;
        job_free(j);
        return;
    }
}

static void keep_few_locked(struct jobs *js, const char *tenant)
{
    size_t n = 0, n_tenant = 0;

    for (const struct job *j = js->first; j; j = j->next) {
        n += has_ended(j);
        n_tenant += has_ended(j) && is_tenants(j, tenant);
    }
    if (n_tenant > JOBS_KEPT_TENANT)
        drop_oldest_locked(js, tenant);
    else if (n > JOBS_KEPT)
        drop_oldest_locked(js, NULL);
}

/* A clock that was set back says nothing. */
static void took_locked(struct jobs *js, int64_t ms)
{
    if (ms < 0)
        return;
    js->mean_ms = js->mean_ms ? (js->mean_ms * (MEAN_OF - 1) + ms) / MEAN_OF : ms;
}

static void end_locked(struct job *j, enum job_state state, const char *error)
{
    j->state = state;
    j->ended_ms = clock_wall_ms();
    if (j->started_ms)
        took_locked(j->jobs, j->ended_ms - j->started_ms);
    j->error = error ? mem_strdup(error) : NULL;
    pthread_cond_broadcast(&j->jobs->changed);
}

/* ---- running ---- */

static bool is_running_locked(const struct jobs *js, const char *tenant)
{
    for (const struct job *j = js->first; j; j = j->next)
        if (j->state == RUNNING && is_tenants(j, tenant))
            return true;
    return false;
}

static struct job *next_locked(struct jobs *js)
{
    for (struct job *j = js->first; j; j = j->next)
        if (j->state == QUEUED && !is_running_locked(js, j->tenant))
            return j;
    return NULL;
}

/* While it has its work nobody drops it. */
static void let_go(struct job *j)
{
    struct jobs *js = j->jobs;

    j->work.free(j->work.arg);
    pthread_mutex_lock(&js->mu);
    j->work.arg = NULL;
    keep_few_locked(js, j->tenant); /* may drop it */
    pthread_mutex_unlock(&js->mu);
}

static void log_end(const struct job *j)
{
    static const char *const events[] = {NULL, NULL, "job_done", "job_failed", "job_cancelled"};

    log_event(j->state == FAILED ? LOG_ERROR : LOG_INFO, events[j->state], LOG_S("id", j->id),
              LOG_I("done", j->done), LOG_I("total", j->work.total),
              LOG_I("ms", j->ended_ms - j->started_ms), LOG_S("error", j->error ? j->error : ""));
}

static void run_job(struct job *j)
{
    int rc = j->work.run(j, j->work.arg);
    struct jobs *js = j->jobs;

    pthread_mutex_lock(&js->mu);
    if (rc >= 0)
        end_locked(j, DONE, NULL);
    else if (rc == ERR_CANCELLED)
        end_locked(j, CANCELLED, js->stopping ? "the server stopped" : NULL);
    else
        end_locked(j, FAILED, err_text());
    pthread_mutex_unlock(&js->mu);
    log_end(j);
    let_go(j);
}

static void *jobs_main(void *arg)
{
    struct jobs *js = arg;
    struct job *j;

    (void)!nice(NICENESS); /* this thread alone, on Linux */
    pthread_mutex_lock(&js->mu);
    while (!js->stopping) {
        j = next_locked(js);
        if (!j) {
            pthread_cond_wait(&js->changed, &js->mu);
            continue;
        }
        j->state = RUNNING;
        j->started_ms = clock_wall_ms();
        pthread_mutex_unlock(&js->mu);
        run_job(j);
        pthread_mutex_lock(&js->mu);
    }
    pthread_mutex_unlock(&js->mu);
    return NULL;
}

struct jobs *jobs_new(void)
{
    struct jobs *js = mem_calloc(1, sizeof *js);

    pthread_mutex_init(&js->mu, NULL);
    pthread_cond_init(&js->changed, NULL);
    for (size_t i = 0; i < JOBS_THREADS; i++)
        thread_start(&js->threads[i], "jobs", jobs_main, js);
    return js;
}

void jobs_stop(struct jobs *js)
{
    size_t n_left = 0;

    pthread_mutex_lock(&js->mu);
    js->stopping = true;
    for (struct job *j = js->first; j; j = j->next) {
        atomic_store(&j->cancel, true);
        if (j->state == QUEUED) {
            end_locked(j, CANCELLED, "the server stopped before it began");
            n_left++;
        }
    }
    pthread_cond_broadcast(&js->changed);
    pthread_mutex_unlock(&js->mu);
    for (size_t i = 0; i < JOBS_THREADS && !js->joined; i++)
        pthread_join(js->threads[i], NULL);
    js->joined = true;
    if (n_left)
        log_event(LOG_WARN, "jobs_not_begun", LOG_I("jobs", n_left));
}

void jobs_free(struct jobs *js)
{
    if (!js)
        return;
    jobs_stop(js);
    while (js->first) {
        struct job *j = js->first;

        js->first = j->next;
        job_free(j);
    }
    pthread_mutex_destroy(&js->mu);
    pthread_cond_destroy(&js->changed);
    mem_free(js);
}

/* ---- asking ---- */

static int check_room_locked(const struct jobs *js, const char *tenant, size_t bytes)
{
    size_t n = 0, n_tenant = 0, held = bytes, held_tenant = bytes;

    if (js->stopping)
        return FAIL(ERR_CANCELLED, "the server is stopping");
    for (const struct job *j = js->first; j; j = j->next) {
        if (j->state != QUEUED)
            continue;
        n++;
        held += j->work.bytes;
        n_tenant += is_tenants(j, tenant);
        held_tenant += is_tenants(j, tenant) ? j->work.bytes : 0;
    }
    if (n >= JOBS_WAITING || n_tenant >= JOBS_WAITING / 2)
        return FAIL(ERR_BUSY, "%zu jobs wait already", n_tenant);
    if ((n > 0 && held > JOBS_WAITING_BYTES) ||
        (n_tenant > 0 && held_tenant > JOBS_WAITING_BYTES / 2))
        return FAIL(ERR_BUSY, "the jobs that wait hold %zu MiB already", (held - bytes) >> 20);
    return ERR_OK;
}

int jobs_add(struct jobs *js, const char *tenant, struct str scope, const struct job_work *w,
             char id[JOB_ID_BYTES])
{
    struct job *j = mem_calloc(1, sizeof *j), **at = &js->first;
    int rc;

    *j = (struct job){.jobs = js, .work = *w, .created_ms = clock_wall_ms()};
    j->tenant = mem_strdup(tenant);
    j->scope = mem_alloc(scope.n + 1);
    memcpy(j->scope, scope.p, scope.n);
    j->scope[scope.n] = '\0';
    http_random_id(NULL, "job_", j->id);
    pthread_mutex_lock(&js->mu);
    rc = check_room_locked(js, tenant, w->bytes);
    if (rc == ERR_OK) {
        memcpy(id, j->id, JOB_ID_BYTES);
        while (*at)
            at = &(*at)->next;
        *at = j;
        pthread_cond_broadcast(&js->changed);
    }
    pthread_mutex_unlock(&js->mu);
    if (rc < 0)
        job_free(j);
    return rc;
}

int64_t jobs_room_ms(struct jobs *js)
{
    int64_t now_ms = clock_wall_ms(), ms;

    pthread_mutex_lock(&js->mu);
    ms = js->mean_ms;
    for (const struct job *j = js->first; j && js->mean_ms == 0; j = j->next)
        if (j->state == RUNNING && now_ms - j->started_ms > ms)
            ms = now_ms - j->started_ms;
    pthread_mutex_unlock(&js->mu);
    return ms > 0 ? ms : 0;
}

static struct job *find_locked(struct jobs *js, struct str scope, struct str id)
{
    for (struct job *j = js->first; j; j = j->next)
        if (str_eq(str_of(j->id), id) && is_of(j, scope))
            return j;
    (void)FAIL(ERR_NOT_FOUND, "there is no such job, or not any more");
    return NULL;
}

int jobs_cancel(struct jobs *js, struct str scope, struct str id)
{
    struct job *j;
    bool waited = false;

    pthread_mutex_lock(&js->mu);
    j = find_locked(js, scope, id);
    if (j) {
        atomic_store(&j->cancel, true);
        waited = j->state == QUEUED;
        if (waited)
            end_locked(j, CANCELLED, NULL);
    }
    pthread_mutex_unlock(&js->mu);
    if (waited)
        let_go(j);
    return j ? ERR_OK : ERR_NOT_FOUND;
}

/* ---- telling ---- */

static void write_time(struct jsonw *w, const char *key, int64_t ms)
{
    char when[CLOCK_ISO_BYTES];

    jsonw_key(w, key);
    if (ms == 0) {
        jsonw_null(w);
        return;
    }
    clock_iso(ms, when);
    jsonw_cstr(w, when);
}

static void write_job(struct jsonw *w, const struct job *j, bool with_refused)
{
    static const char *const states[] = {"queued", "running", "done", "failed", "cancelled"};

    jsonw_open(w, '{');
    jsonw_key(w, "id"), jsonw_cstr(w, j->id);
    jsonw_key(w, "state"), jsonw_cstr(w, states[j->state]);
    jsonw_key(w, "done"), jsonw_int(w, (int64_t)j->done);
    jsonw_key(w, "total"), jsonw_int(w, (int64_t)j->work.total);
    jsonw_key(w, "ingested"), jsonw_int(w, (int64_t)j->ingested);
    jsonw_key(w, "unchanged"), jsonw_int(w, (int64_t)j->unchanged);
    jsonw_key(w, "chunks"), jsonw_int(w, (int64_t)j->chunks);
    jsonw_key(w, "refused_total");
    jsonw_int(w, (int64_t)(j->n_told_refused + j->n_told_skipped));
    if (with_refused) {
        jsonw_key(w, "refused");
        jsonw_open(w, '[');
        jsonw_raw(w, buf_view(&j->refused));
        jsonw_close(w, ']');
    }
    write_time(w, "created", j->created_ms);
    write_time(w, "started", j->started_ms);
    write_time(w, "ended", j->ended_ms);
    jsonw_key(w, "error"), jsonw_cstr(w, j->error);
    jsonw_close(w, '}');
}

int jobs_write(struct jobs *js, struct str scope, struct str id, struct buf *out, bool *ended)
{
    struct jsonw w = jsonw_to(out);
    const struct job *j;

    pthread_mutex_lock(&js->mu);
    j = find_locked(js, scope, id);
    if (j) {
        write_job(&w, j, true);
        *ended = has_ended(j);
    }
    pthread_mutex_unlock(&js->mu);
    return j ? ERR_OK : ERR_NOT_FOUND;
}

/* The list is short, and its links go the other way. */
static void write_newest_first(struct jsonw *w, const struct job *j, struct str scope)
{
    const struct job *all[JOBS_KEPT + JOBS_WAITING + JOBS_THREADS + 1];
    size_t n = 0;

    for (; j && n < sizeof all / sizeof *all; j = j->next)
        if (is_of(j, scope))
            all[n++] = j;
    while (n > 0)
        write_job(w, all[--n], false);
}

void jobs_list(struct jobs *js, struct str scope, struct buf *out)
{
    struct jsonw w = jsonw_to(out);

    jsonw_open(&w, '{');
    jsonw_key(&w, "jobs");
    jsonw_open(&w, '[');
    pthread_mutex_lock(&js->mu);
    write_newest_first(&w, js->first, scope);
    pthread_mutex_unlock(&js->mu);
    jsonw_close(&w, ']');
    jsonw_close(&w, '}');
}

/* ---- for `run` ---- */

const atomic_bool *job_cancel(const struct job *job)
{
    return &job->cancel;
}

static void add_issue_locked(struct job *job, const struct ingest_issue *issue)
{
    struct jsonw w = jsonw_to(&job->refused);

    if (job->refused.n > JOBS_REFUSED_BYTES)
        return;
    if (job->refused.n)
        buf_add_char(&job->refused, ',');
    jsonw_open(&w, '{');
    jsonw_key(&w, "id"), jsonw_cstr(&w, issue->path);
    jsonw_key(&w, "reason"), jsonw_cstr(&w, issue->reason);
    jsonw_close(&w, '}');
}

void job_tell(struct job *job, size_t done, const struct ingest_report *report)
{
    pthread_mutex_lock(&job->jobs->mu);
    job->done = done;
    job->ingested = report->documents;
    job->unchanged = report->unchanged;
    job->chunks = report->chunks;
    for (; job->n_told_refused < report->n_refused; job->n_told_refused++)
        add_issue_locked(job, &report->refused[job->n_told_refused]);
    for (; job->n_told_skipped < report->n_skipped; job->n_told_skipped++)
        add_issue_locked(job, &report->skipped[job->n_told_skipped]);
    pthread_mutex_unlock(&job->jobs->mu);
}
