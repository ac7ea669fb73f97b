#include "cache/tiers.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/thread.h"
#include "cache/tiers_parts.h"

#define REFRESH_NS   1000000000u  /* purges that are owed, the counter of purges */
#define TIDY_NS      60000000000u /* what is over leaves the store */
#define COUNT_NS     2000000000u  /* after a put: what the store has now, for whoever asks */
#define PUTS_AT_ONCE 64           /* one transaction */

/* An answer on its way to the tiers. */
struct job {
    struct job *next;
    struct tier_put put; /* answer: a reference */
    int64_t ticket;
    bool to_store, to_shared;
    struct tiers_flight *flight;
};

/* ---- finding ---- */

struct shared_scope tiers_scope(const struct answer_origin *o)
{
    return (struct shared_scope){o->tenant, o->collection};
}

struct lru_value *tiers_value(const struct shared_answer *a, const struct answer_origin *asker)
{
    struct answer_origin o = *asker;
    struct lru_value *v;

    o.documents = a->documents;
    o.n_documents = a->n_documents;
    v = origin_value(a->body, &o, a->ttl_ms);
    if (a->stored_ms < v->stored_ms) /* else another's clock is ahead of ours */
        v->stored_ms = a->stored_ms;
    v->tokens_in = (uint32_t)a->tokens_in;
    v->tokens_out = (uint32_t)a->tokens_out;
    v->made_us = (uint32_t)a->made_us;
    v->cost = (float)a->cost;
    v->precomputed = a->precomputed;
    return v;
}

static struct lru_value *find_shared(struct tiers *t, const struct answer_origin *asker)
{
    struct shared_scope scope = tiers_scope(asker);
    struct arena *mem = arena_new(0);
    struct shared_answer a;
    struct lru_value *v = NULL;

    if (shared_answers_get(t->shared, &asker->prompt_hash, &scope, clock_wall_ms(), mem, &a) == 1)
        v = tiers_value(&a, asker);
    arena_free(mem);
    return v;
}

struct lru_value *tiers_find(struct tiers *t, const struct answer_origin *asker, enum tier *from)
{
    struct lru_value *v = NULL;

    *from = TIER_NONE;
    if (t->kept)
        v = tier_store_find(t->kept, asker);
    if (v)
        *from = TIER_STORE;
    else if (t->shared && (v = find_shared(t, asker)) != NULL)
        *from = TIER_SHARED;
    return v;
}

int64_t tiers_ticket(struct tiers *t)
{
    return t->shared ? shared_answers_ticket(t->shared) : 0;
}

/* ---- handing over ---- */

static void submit(struct tiers *t, struct job *j)
{
    pthread_mutex_lock(&t->mu);
    if (t->n_jobs < TIERS_WAITING_MAX) {
        *(t->last ? &t->last->next : &t->first) = j;
        t->last = j;
        t->n_jobs++;
        j = NULL;
        pthread_cond_signal(&t->changed);
    }
    pthread_mutex_unlock(&t->mu);
    if (!j)
        return;
    atomic_fetch_add(&t->dropped, 1);
    tiers_leave(j->flight);
    lru_value_unref(j->put.answer);
    mem_free(j);
}

static struct job *job_new(struct lru_value *answer)
{
    struct job *j = mem_calloc(1, sizeof *j);

    j->put.answer = lru_value_ref(answer);
    return j;
}

static bool is_worth_keeping(const struct lru_value *v)
{
    return v->precomputed || v->tokens_in + v->tokens_out > 0;
}

void tiers_keep(struct tiers *t, struct lru_value *answer, int64_t ticket,
                struct tiers_flight *flight)
{
    struct job *j;

    if (!t->shared && !(t->kept && is_worth_keeping(answer))) {
        tiers_leave(flight);
        return;
    }
    j = job_new(answer);
    j->ticket = ticket;
    j->to_store = t->kept && is_worth_keeping(answer);
    j->to_shared = t->shared != NULL;
    j->flight = flight;
    submit(t, j);
}

/* Told at 3, 4, 8, 16, ...: a popular answer costs the keeper next to nothing. */
void tiers_asked(struct tiers *t, struct lru_value *answer)
{
    unsigned n = atomic_fetch_add_explicit(&answer->asked, 1, memory_order_relaxed) + 1;
    bool is_power = (n & (n - 1)) == 0;
    struct job *j;

    if (!t->kept || !(n == TIERS_POPULAR || (n > TIERS_POPULAR && is_power)))
        return;
    j = job_new(answer);
    j->put.asked = n > TIERS_POPULAR && atomic_load(&answer->durable) ? n / 2 : n;
    j->to_store = true;
    submit(t, j);
}

void tiers_purge(struct tiers *t, const char *tenant, const char *collection, struct str document)
{
    struct shared_scope scope = {tenant, collection};

    if (!t->shared)
        return;
    shared_answers_purge_later(t->shared, &scope, document);
    pthread_mutex_lock(&t->mu);
    t->purges = true;
    pthread_cond_signal(&t->changed);
    pthread_mutex_unlock(&t->mu);
}

/* ---- the keeper: putting ---- */

static bool take_purges(struct tiers *t)
{
    bool any;

    pthread_mutex_lock(&t->mu);
    any = t->purges;
    t->purges = false;
    pthread_mutex_unlock(&t->mu);
    return any;
}

static void purge_what_is_owed(struct tiers *t)
{
    if (take_purges(t))
        (void)shared_answers_refresh(t->shared); /* else again in a second */
}

static void share(struct tiers *t, const struct job *j)
{
    const struct lru_value *v = j->put.answer;
    struct arena *mem = arena_new(0);
    struct answer_origin o;
    struct shared_answer a = {.body = {v->bytes, v->n},
                              .stored_ms = v->stored_ms,
                              .ttl_ms = v->ttl_ms,
                              .tokens_in = v->tokens_in,
                              .tokens_out = v->tokens_out,
                              .made_us = v->made_us,
                              .cost = (double)v->cost,
                              .precomputed = v->precomputed};
    struct shared_scope scope;
    struct str *documents;
    size_t at = 0;

    origin_of(v, &o);
    scope = tiers_scope(&o);
    documents = ARENA_ARRAY(mem, struct str, o.n_documents);
    while (a.n_documents < o.n_documents && origin_next(v, &at, &documents[a.n_documents]))
        a.n_documents++;
    a.documents = documents;
    (void)shared_answers_put(t->shared, &o.prompt_hash, &scope, &a, j->ticket, clock_wall_ms());
    arena_free(mem);
}

static void keep_in_store(struct tiers *t, const struct job *jobs, uint64_t generation)
{
    struct tier_put puts[PUTS_AT_ONCE];
    size_t n = 0;

    for (const struct job *j = jobs; j; j = j->next) {
        if (j->to_store)
            puts[n++] = j->put;
        if (n && (n == PUTS_AT_ONCE || !j->next)) {
            tier_store_put(t->kept, puts, n, generation);
            n = 0;
        }
    }
    if (n)
        tier_store_put(t->kept, puts, n, generation);
}

/* Replicas first: they wait for it. */
static void put_all(struct tiers *t, struct job *jobs, uint64_t generation)
{
    for (struct job *j = jobs; j; j = j->next) {
        purge_what_is_owed(t);
        if (j->to_shared)
            share(t, j);
        tiers_leave(j->flight);
    }
    keep_in_store(t, jobs, generation);
    for (struct job *next; jobs; jobs = next) {
        next = jobs->next;
        lru_value_unref(jobs->put.answer);
        mem_free(jobs);
    }
}

static struct job *take_jobs_locked(struct tiers *t)
{
    struct job *jobs = t->first;

    t->first = t->last = NULL;
    t->n_jobs = 0;
    return jobs;
}

/* ---- the keeper ---- */

static void wait_locked(struct tiers *t, uint64_t until)
{
    uint64_t now = clock_ns();
    struct timespec at;

    until = tier_flights_due_locked(t, until);
    if (t->first || t->purges || t->stopping || until <= now)
        return;
    if (until == UINT64_MAX) {
        pthread_cond_wait(&t->changed, &t->mu);
        return;
    }
    at = clock_until((int)((until - now + 999999) / 1000000));
    pthread_cond_timedwait(&t->changed, &t->mu, &at);
}

/* When the keeper has to do what it does by the clock. */
struct keeper_times {
    uint64_t refresh, tidy, count;
};

static uint64_t sooner(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static void do_what_is_due(struct tiers *t, struct keeper_times *at)
{
    uint64_t now = clock_ns();

    if (now >= at->refresh) {
        (void)shared_answers_refresh(t->shared);
        at->refresh = clock_ns() + REFRESH_NS;
    }
    if (now >= at->tidy) {
        tier_store_tidy(t->kept);
        at->tidy = clock_ns() + TIDY_NS;
        at->count = UINT64_MAX;
    }
    if (now >= at->count) {
        tier_store_load(t->kept);
        at->count = UINT64_MAX;
    }
}

static void *keep(void *arg)
{
    struct tiers *t = arg;
    struct keeper_times at = {UINT64_MAX, UINT64_MAX, UINT64_MAX};
    bool stopping = false;

    if (t->shared)
        at.refresh = 0;
    if (t->kept)
        at.count = 0, at.tidy = clock_ns() + TIDY_NS;
    while (!stopping) {
        uint64_t generation = 0;
        struct job *jobs;

        do_what_is_due(t, &at);
        pthread_mutex_lock(&t->mu);
        wait_locked(t, sooner(at.refresh, sooner(at.tidy, at.count)));
        stopping = t->stopping;
        if (t->kept)
            generation = tier_store_generation(t->kept);
        jobs = take_jobs_locked(t);
        pthread_mutex_unlock(&t->mu);
        purge_what_is_owed(t);
        if (jobs && t->kept)
            at.count = sooner(at.count, clock_ns() + COUNT_NS);
        put_all(t, jobs, generation);
        tier_flights_see_to(t);
    }
    return NULL;
}

struct tiers *tiers_new(const struct tiers_options *o)
{
    struct tiers *t = mem_calloc(1, sizeof *t);
    pthread_condattr_t monotonic;

    if (o->store_bytes > 0)
        t->kept = tier_store_new(o->store, o->store_bytes);
    t->redis = o->redis;
    if (t->redis)
        t->shared = shared_answers_new(t->redis, store_uuid(o->store));
    pthread_mutex_init(&t->mu, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&t->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    thread_start(&t->keeper, "keeper", keep, t);
    return t;
}

void tiers_free(struct tiers *t)
{
    if (!t)
        return;
    pthread_mutex_lock(&t->mu);
    t->stopping = true;
    pthread_cond_signal(&t->changed);
    pthread_mutex_unlock(&t->mu);
    pthread_join(t->keeper, NULL);
    CHECK(!t->flights);
    if (t->kept)
        tier_store_free(t->kept);
    shared_answers_free(t->shared);
    redis_close(t->redis);
    pthread_cond_destroy(&t->changed);
    pthread_mutex_destroy(&t->mu);
    mem_free(t);
}

/* ---- emptying, telling ---- */

int tiers_clear(struct tiers *t)
{
    int rc = ERR_OK;
    struct job *jobs;

    pthread_mutex_lock(&t->mu);
    jobs = take_jobs_locked(t);
    pthread_mutex_unlock(&t->mu);
    for (struct job *j = jobs, *next; j; j = next) {
        next = j->next;
        tiers_leave(j->flight);
        lru_value_unref(j->put.answer);
        mem_free(j);
    }
    if (t->kept)
        TRY(tier_store_clear(t->kept));
    if (t->shared)
        TRY(shared_answers_clear(t->shared));
out:
    return rc;
}

void tiers_stats_get(struct tiers *t, struct tiers_stats *out)
{
    struct tier_store_stats kept = {0};

    if (t->kept)
        tier_store_stats_get(t->kept, &kept);
    *out = (struct tiers_stats){.store_answers = kept.answers,
                                .store_bytes = kept.bytes,
                                .store_hits = kept.hits,
                                .store_puts = kept.puts,
                                .dropped = atomic_load(&t->dropped),
                                .has_shared = t->shared != NULL};
    if (!t->shared)
        return;
    shared_answers_stats_get(t->shared, &out->shared);
    redis_stats_get(t->redis, &out->redis);
    out->redis_shown = redis_shown(t->redis);
}
