#include "cache/answers.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "cache/origin.h"

#define SHARDS 8
/* The question table gets this share of the bytes: an entry is some 1.7 KB (a vector of 384
 * floats), a reply some 6 KB. */
#define QUESTIONS_SHARE 4

/* What the question table keeps, as the bytes of an lru_value. */
struct question {
    uint64_t epoch;
    struct digest prompt_hash;
    size_t dim;
    float vector[];
};

/* Purged documents that are remembered one by one; beyond this all are as if purged just now. */
#define PURGED_MAX 10000

/* The answers that show one document. Evicted answers stay in the list until it is swept. What a
 * purge leaves behind is the moment it happened. */
struct shown_in {
    struct digest *v;
    size_t n, cap, swept_n;
    uint64_t purged_at; /* on the purge clock; 0: never */
};

struct answers {
    struct lru *replies, *questions;
    atomic_int_fast64_t ttl_ms;
    atomic_uint_fast64_t outcomes[N_ANSWERS_OUTCOMES], purged;
    struct savings saved;
    pthread_mutex_t mu;      /* guards the fields below; taken before a shard's lock */
    struct map *by_document; /* scoped key -> struct shown_in * */
    uint64_t purge_clock;
    uint64_t purge_floor; /* runs with an older ticket may not store anything */
    size_t n_purged;      /* entries of by_document that hold only a moment */
};

struct answers *answers_new(const struct answers_options *o)
{
    struct answers *a = mem_calloc(1, sizeof *a);

    a->questions = lru_new(o->bytes_max / QUESTIONS_SHARE, SHARDS);
    a->replies = lru_new(o->bytes_max - o->bytes_max / QUESTIONS_SHARE, SHARDS);
    a->ttl_ms = o->ttl_ms;
    a->by_document = map_new();
    pthread_mutex_init(&a->mu, NULL);
    return a;
}

static void free_documents(struct answers *a)
{
    const void *key;
    size_t at = 0, n;
    uint64_t value;

    while (map_next(a->by_document, &at, &key, &n, &value)) {
        struct shown_in *s = (struct shown_in *)(uintptr_t)value;

        mem_free(s->v);
        mem_free(s);
    }
    map_free(a->by_document);
}

void answers_set_ttl(struct answers *a, int64_t ttl_ms)
{
    atomic_store(&a->ttl_ms, ttl_ms);
}

void answers_free(struct answers *a)
{
    if (!a)
        return;
    free_documents(a);
    pthread_mutex_destroy(&a->mu);
    lru_free(a->questions);
    lru_free(a->replies);
    mem_free(a);
}

static void fill_moved(struct answers_entry *out, const struct question *q)
{
    out->state = ANSWERS_MOVED;
    out->prompt_hash = q->prompt_hash;
    out->dim = q->dim;
    out->vector = q->dim ? mem_dup(q->vector, q->dim * sizeof(float)) : NULL;
}

void answers_find(struct answers *a, const struct digest *question_key, uint64_t epoch,
                  struct answers_entry *out)
{
    struct lru_value *v = lru_get(a->questions, question_key);
    const struct question *q;

    *out = (struct answers_entry){.state = ANSWERS_MISS};
    if (!v)
        return;
    q = (const struct question *)(const void *)v->bytes;
    if (q->epoch == epoch)
        out->reply = lru_get(a->replies, &q->prompt_hash);
    if (out->reply)
        out->state = ANSWERS_HIT;
    else
        fill_moved(out, q);
    lru_value_unref(v);
}

struct lru_value *answers_hit(struct answers *a, const struct digest *question_key, uint64_t epoch)
{
    struct lru_value *v = lru_get(a->questions, question_key), *reply = NULL;
    const struct question *q;

    if (!v)
        return NULL;
    q = (const struct question *)(const void *)v->bytes;
    if (q->epoch == epoch)
        reply = lru_get(a->replies, &q->prompt_hash);
    lru_value_unref(v);
    return reply;
}

struct lru_value *answers_get(struct answers *a, const struct digest *prompt_hash)
{
    return lru_get(a->replies, prompt_hash);
}

void answers_remember(struct answers *a, const struct digest *question_key, uint64_t epoch,
                      const float *vector, size_t dim, const struct digest *prompt_hash)
{
    size_t n = sizeof(struct question) + (vector ? dim : 0) * sizeof(float);
    struct question *q = mem_calloc(1, n);
    struct lru_value *v;

    q->epoch = epoch;
    q->prompt_hash = *prompt_hash;
    q->dim = vector ? dim : 0;
    if (q->dim)
        memcpy(q->vector, vector, dim * sizeof(float));
    v = lru_value_new(q, n, a->ttl_ms);
    lru_put(a->questions, question_key, v);
    lru_value_unref(v);
    mem_free(q);
}

static struct digest scoped_key(const char *tenant, const char *collection, struct str document)
{
    struct digester *d = digester_new();

    digester_add_str(d, tenant);
    digester_add_str(d, collection);
    digester_add(d, document.p, document.n);
    return digester_finish(d);
}

static int by_bytes(const void *a, const void *b)
{
    return memcmp(a, b, DIGEST_BYTES);
}

/* Drops what the cache has evicted since, and what stands twice (an answer that was stored again),
 * so that a list is at most twice what is alive. */
static void sweep_locked(struct answers *a, struct shown_in *s)
{
    size_t kept = 0;

    qsort(s->v, s->n, sizeof *s->v, by_bytes);
    for (size_t i = 0; i < s->n; i++)
        if ((kept == 0 || !digest_eq(&s->v[kept - 1], &s->v[i])) && lru_has(a->replies, &s->v[i]))
            s->v[kept++] = s->v[i];
    s->n = kept;
    s->swept_n = kept;
}

static struct shown_in *shown_in_locked(struct answers *a, const struct digest *key)
{
    bool added;
    uint64_t *slot = map_slot(a->by_document, key->b, DIGEST_BYTES, 0, &added);

    if (added)
        *slot = (uint64_t)(uintptr_t)mem_calloc(1, sizeof(struct shown_in));
    return (struct shown_in *)(uintptr_t)*slot;
}

uint64_t answers_ticket(struct answers *a)
{
    uint64_t now;

    pthread_mutex_lock(&a->mu);
    now = a->purge_clock;
    pthread_mutex_unlock(&a->mu);
    return now;
}

/* False when the document was purged after the ticket. */
static bool note_document_locked(struct answers *a, const struct digest *key, uint64_t ticket,
                                 const struct digest *prompt_hash)
{
    struct shown_in *s = shown_in_locked(a, key);

    if (s->purged_at > ticket)
        return false;
    if (s->n == 0 && s->purged_at)
        a->n_purged--;
    if (s->n && digest_eq(&s->v[s->n - 1], prompt_hash))
        return true; /* another passage of the same document */
    if (s->n >= 2 * s->swept_n + 16)
        sweep_locked(a, s);
    s->v = mem_grow(s->v, &s->cap, s->n + 1, sizeof *s->v);
    s->v[s->n++] = *prompt_hash;
    return true;
}

bool answers_put(struct answers *a, struct lru_value *reply, uint64_t ticket)
{
    struct answer_origin o;
    struct str document;
    size_t at = 0;
    bool kept;

    origin_of(reply, &o);
    pthread_mutex_lock(&a->mu);
    kept = ticket >= a->purge_floor;
    /* The index first: a reply that is in the cache can always be found by its documents. */
    while (kept && origin_next(reply, &at, &document)) {
        struct digest key = scoped_key(o.tenant, o.collection, document);

        kept = note_document_locked(a, &key, ticket, &o.prompt_hash);
    }
    if (kept)
        kept = lru_put(a->replies, &o.prompt_hash, reply);
    pthread_mutex_unlock(&a->mu);
    return kept;
}

/* Forgets the moments of single purges: whoever began before now may not store at all. */
static void forget_purges_locked(struct answers *a)
{
    struct map *kept = map_new();
    const void *key;
    size_t at = 0, n;
    uint64_t value;

    while (map_next(a->by_document, &at, &key, &n, &value)) {
        struct shown_in *s = (struct shown_in *)(uintptr_t)value;

        if (s->n)
            map_put(kept, key, n, value);
        else
            mem_free(s);
    }
    map_free(a->by_document);
    a->by_document = kept;
    a->purge_floor = a->purge_clock;
    a->n_purged = 0;
}

void answers_purge_document(struct answers *a, const char *tenant, const char *collection,
                            struct str document)
{
    struct digest key = scoped_key(tenant, collection, document);
    struct shown_in *s;

    pthread_mutex_lock(&a->mu);
    s = shown_in_locked(a, &key);
    for (size_t i = 0; i < s->n; i++)
        if (lru_remove(a->replies, &s->v[i]))
            atomic_fetch_add(&a->purged, 1);
    a->n_purged += s->n || !s->purged_at;
    mem_free(s->v);
    *s = (struct shown_in){.purged_at = ++a->purge_clock};
    if (a->n_purged > PURGED_MAX)
        forget_purges_locked(a);
    pthread_mutex_unlock(&a->mu);
}

void answers_clear(struct answers *a)
{
    pthread_mutex_lock(&a->mu);
    /* The purge stamps stay: a run that is under way may still bring a purged document. */
    lru_clear(a->replies);
    lru_clear(a->questions);
    pthread_mutex_unlock(&a->mu);
}

void answers_shrink(struct answers *a)
{
    lru_shrink(a->replies, 0.5);
    lru_shrink(a->questions, 0.5);
}

void answers_count(struct answers *a, enum answers_outcome outcome)
{
    atomic_fetch_add_explicit(&a->outcomes[outcome], 1, memory_order_relaxed);
}

const char *answers_outcome_name(enum answers_outcome outcome)
{
    static const char *const names[] = {"hits",        "revalidated",   "stored", "shared",
                                        "precomputed", "semantic_hits", "joined", "misses"};

    return names[outcome];
}

void answers_saved(struct answers *a, const struct lru_value *reply, uint64_t spent_ns)
{
    savings_add(&a->saved, reply, spent_ns);
}

void answers_stats_get(struct answers *a, struct answers_stats *out)
{
    lru_stats_get(a->replies, &out->answers);
    lru_stats_get(a->questions, &out->questions);
    for (int i = 0; i < N_ANSWERS_OUTCOMES; i++)
        out->outcomes[i] = atomic_load(&a->outcomes[i]);
    out->purged = atomic_load(&a->purged);
    savings_read(&a->saved, &out->saved);
}

double answers_hit_rate(const struct answers_stats *s)
{
    uint64_t all = 0;

    for (int i = 0; i < N_ANSWERS_OUTCOMES; i++)
        all += s->outcomes[i];
    return all ? 1 - (double)s->outcomes[ANSWERS_OUTCOME_MISS] / (double)all : NAN;
}
