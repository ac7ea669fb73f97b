#include "server/beforehand.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"
#include "cache/tiers.h"
#include "engine/engine.h"
#include "query/precompute.h"
#include "query/query.h"
#include "query/refresh.h"
#include "query/schedule.h"

struct beforehand {
    struct engine *e;
    pthread_t thread;
    atomic_bool stopping;
    pthread_mutex_t mu; /* guards nothing but the wait */
    pthread_cond_t changed;

    const struct config *settings; /* as of `minute` */
    int minute;                    /* of the day; -1: never */
    int64_t due_ms;                /* of the wall clock */
    uint64_t busy_ns, looked_ns, allowed_ns;
    double allowance; /* how many may be answered again now */
};

/* ---- by the clock ---- */

static char *last_path(const struct beforehand *b)
{
    struct buf path;

    buf_init(&path);
    buf_addf(&path, "%s/precomputed", b->e->config.data);
    return buf_take(&path);
}

/* 0: never, or not known. */
static int64_t last_ms(const struct beforehand *b)
{
    char *path = last_path(b);
    struct buf text;
    int64_t s = 0;

    buf_init(&text);
    if (file_read(path, 64, &text) == ERR_OK) {
        buf_add_char(&text, '\0');
        s = strtoll(text.p, NULL, 10);
    }
    buf_done(&text);
    mem_free(path);
    return s > 0 && s < INT64_MAX / 1000 ? s * 1000 : 0;
}

static void note_done(const struct beforehand *b)
{
    char *path = last_path(b);
    struct buf text;

    buf_init(&text);
    buf_addf(&text, "%lld\n", (long long)(clock_wall_ms() / 1000));
    if (file_write_atomic(path, text.p, text.n) < 0)
        log_event(LOG_WARN, "precompute", LOG_S("not_noted", err_text()));
    buf_done(&text);
    mem_free(path);
}

static void log_failed(void *arg, const struct precompute_question *q, const char *reason)
{
    (void)arg;
    log_event(LOG_WARN, "not_precomputed", LOG_S("where", q->where), LOG_S("reason", reason));
}

static bool is_stopping(void *arg)
{
    struct beforehand *b = arg;

    return atomic_load(&b->stopping);
}

/* False: the file was not read, and what it asks for is still to be done. */
static bool collect(struct beforehand *b, struct precompute_list *list)
{
    const struct config *c = engine_settings(b->e);
    bool all = true;
    json_t *members = json_pack("{s:s}", "collection", c->collection);

    if (c->precompute.file[0] &&
        precompute_list_read(list, c->precompute.file, c->tenant, members) < 0) {
        log_event(LOG_WARN, "precompute", LOG_S("reason", err_text()));
        all = false;
    }
    if (c->precompute.top > 0 &&
        precompute_list_top(list, b->e, NULL, NULL, (size_t)c->precompute.top, members) < 0)
        log_event(LOG_WARN, "precompute", LOG_S("reason", err_text()));
    json_decref(members);
    return all;
}

static void precompute(struct beforehand *b)
{
    struct precompute_list list;
    struct precompute_options o = {.ttl_ms = engine_settings(b->e)->precompute.ttl_s * 1000,
                                   .cancelled = is_stopping,
                                   .failed = log_failed,
                                   .arg = b};
    struct precompute_report r;
    bool all;
    int rc;

    precompute_list_init(&list);
    all = collect(b, &list);
    rc = precompute_run(b->e, &list, &o, &r);
    log_event(LOG_INFO, "precomputed", LOG_I("made", r.n_made), LOG_I("kept", r.n_kept),
              LOG_I("failed", r.n_failed), LOG_I("prompt_tokens", r.tokens_in),
              LOG_I("completion_tokens", r.tokens_out), LOG_F("cost", r.cost),
              LOG_F("seconds", r.seconds));
    precompute_list_done(&list);
    if (rc == ERR_OK && all) /* else again at the next start, if it is long ago by then */
        note_done(b);
}

/* When it is due, by the settings in force. */
static void set_clock(struct beforehand *b)
{
    const struct config *now = engine_settings(b->e), *before = b->settings;

    b->settings = now;
    if (before && strcmp(before->precompute.at, now->precompute.at) == 0)
        return;
    b->minute = -1;
    if (now->precompute.at[0] && config_minute_of_day(now->precompute.at, &b->minute) == ERR_OK)
        b->due_ms = schedule_due(b->minute, last_ms(b), clock_wall_ms());
}

static void see_to_clock(struct beforehand *b)
{
    if (b->settings != engine_settings(b->e))
        set_clock(b);
    if (b->minute < 0 || clock_wall_ms() < b->due_ms)
        return;
    precompute(b);
    b->due_ms = schedule_next(b->minute, clock_wall_ms());
}

/* ---- in idle time ---- */

static bool is_waited_for(struct beforehand *b)
{
    return pool_depth(b->e->pool) > 0 || atomic_load(&b->e->n_ingesting) > 0;
}

static bool is_busy(struct beforehand *b)
{
    return is_waited_for(b) || pool_idle(b->e->pool) < pool_threads(b->e->pool);
}

static bool has_been_quiet(struct beforehand *b)
{
    if (is_busy(b))
        b->busy_ns = clock_ns();
    return clock_ms_since(b->busy_ns) >= BEFOREHAND_QUIET_MS;
}

/* So many a minute, and never more than that at once after a long time without any. */
static void earn_allowance(struct beforehand *b)
{
    double per_minute = (double)engine_settings(b->e)->precompute.per_minute;

    b->allowance += clock_ms_since(b->allowed_ns) / 60000 * per_minute;
    if (b->allowance > per_minute)
        b->allowance = per_minute;
    b->allowed_ns = clock_ns();
}

static void see_to_popular(struct beforehand *b)
{
    struct refresh_report r = {0};
    struct answer_listener listener = {.cancelled = is_stopping, .arg = b};

    earn_allowance(b);
    if (!has_been_quiet(b) || clock_ms_since(b->looked_ns) < BEFOREHAND_LOOK_MS)
        return;
    b->looked_ns = clock_ns();
    while (!is_stopping(b) && b->allowance >= 1 && !is_waited_for(b) &&
           refresh_some(b->e, 1, &listener, &r))
        b->allowance--;
    if (r.n_made + r.n_left > 0)
        log_event(LOG_INFO, "answered_again", LOG_I("made", r.n_made), LOG_I("found", r.n_found),
                  LOG_I("left", r.n_left));
}

/* ---- the thread ---- */

static bool rest(struct beforehand *b)
{
    struct timespec until = clock_until(BEFOREHAND_MS);

    pthread_mutex_lock(&b->mu);
    while (!is_stopping(b) && pthread_cond_timedwait(&b->changed, &b->mu, &until) == 0)
        ;
    pthread_mutex_unlock(&b->mu);
    return !is_stopping(b);
}

static void *work(void *arg)
{
    struct beforehand *b = arg;
    bool refreshes = strcmp(b->e->config.precompute.refresh, "off") != 0;
    bool is_read = false;

    while (rest(b)) {
        if (!is_read && retriever_is_read(b->e->retriever) != ERR_OK)
            continue;
        if (!is_read && refreshes)
            refresh_recall(b->e);
        is_read = true;
        see_to_clock(b);
        if (refreshes)
            see_to_popular(b);
    }
    return NULL;
}

int beforehand_check(const struct config *c)
{
    int rc = ERR_OK;
    struct precompute_list list;

    if (!c->precompute.file[0])
        return ERR_OK;
    precompute_list_init(&list);
    rc = precompute_list_read(&list, c->precompute.file, c->tenant, NULL);
    precompute_list_done(&list);
    return rc < 0 ? err_context(rc, "precompute.file") : ERR_OK;
}

struct beforehand *beforehand_start(struct engine *e)
{
    struct beforehand *b = mem_calloc(1, sizeof *b);
    pthread_condattr_t monotonic;

    b->e = e;
    b->busy_ns = b->allowed_ns = clock_ns();
    b->allowance = (double)e->config.precompute.per_minute;
    set_clock(b);
    pthread_mutex_init(&b->mu, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&b->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    thread_start(&b->thread, "beforehand", work, b);
    return b;
}

void beforehand_stop(struct beforehand *b)
{
    if (!b)
        return;
    pthread_mutex_lock(&b->mu);
    atomic_store(&b->stopping, true);
    pthread_cond_signal(&b->changed);
    pthread_mutex_unlock(&b->mu);
    tiers_end_waits(b->e->tiers);
    pthread_join(b->thread, NULL);
    pthread_cond_destroy(&b->changed);
    pthread_mutex_destroy(&b->mu);
    mem_free(b);
}
