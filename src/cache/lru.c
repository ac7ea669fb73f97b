#include "cache/lru.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"

/* The count stands in front of the public part, so that callers cannot touch it. */
struct counted {
    atomic_int refs;
    struct lru_value value;
};

struct node {
    struct digest key;
    struct lru_value *value;
    struct node *newer, *older; /* the list of use */
    struct node *chain;         /* same bucket */
};

struct shard {
    pthread_mutex_t mu; /* guards the fields below */
    struct node **buckets;
    size_t n_buckets; /* a power of two */
    struct node *newest, *oldest;
    struct lru_stats stats;
};

struct lru {
    int n_shards;
    struct shard *shards;
};

static struct counted *counted_of(struct lru_value *v)
{
    return (struct counted *)((char *)v - offsetof(struct counted, value));
}

struct lru_value *lru_value_new_with(struct str bytes, struct str tail, int64_t ttl_ms)
{
    struct counted *c = mem_alloc(sizeof *c + bytes.n + tail.n);

    memset(c, 0, sizeof *c);
    atomic_init(&c->refs, 1);
    c->value.n = bytes.n;
    c->value.n_tail = tail.n;
    c->value.stored_ms = clock_wall_ms();
    c->value.ttl_ms = ttl_ms;
    if (bytes.n)
        memcpy(c->value.bytes, bytes.p, bytes.n);
    if (tail.n)
        memcpy(c->value.bytes + bytes.n, tail.p, tail.n);
    return &c->value;
}

struct lru_value *lru_value_new(const void *p, size_t n, int64_t ttl_ms)
{
    return lru_value_new_with((struct str){p, n}, (struct str){0}, ttl_ms);
}

struct lru_value *lru_value_answering(const struct lru_value *v, struct str question)
{
    size_t n = v->n + v->n_tail;
    struct counted *c = mem_alloc(sizeof *c + n + question.n);

    memset(c, 0, sizeof *c);
    atomic_init(&c->refs, 1);
    c->value.n = v->n;
    c->value.n_tail = v->n_tail;
    c->value.n_question = (uint32_t)question.n;
    c->value.stored_ms = v->stored_ms;
    c->value.ttl_ms = v->ttl_ms;
    c->value.tokens_in = v->tokens_in;
    c->value.tokens_out = v->tokens_out;
    c->value.made_us = v->made_us;
    c->value.cost = v->cost;
    c->value.precomputed = v->precomputed;
    memcpy(c->value.bytes, v->bytes, n);
    memcpy(c->value.bytes + n, question.p, question.n);
    return &c->value;
}

struct str lru_value_question(const struct lru_value *v)
{
    struct str none = {NULL, 0};

    return v->n_question ? (struct str){v->bytes + v->n + v->n_tail, v->n_question} : none;
}

struct lru_value *lru_value_ref(struct lru_value *v)
{
    atomic_fetch_add_explicit(&counted_of(v)->refs, 1, memory_order_relaxed);
    return v;
}

void lru_value_unref(struct lru_value *v)
{
    if (v && atomic_fetch_sub_explicit(&counted_of(v)->refs, 1, memory_order_acq_rel) == 1)
        mem_free(counted_of(v));
}

struct lru *lru_new(size_t bytes_max, int n_shards)
{
    struct lru *c = mem_calloc(1, sizeof *c);

    CHECK(n_shards > 0);
    c->n_shards = n_shards;
    c->shards = mem_calloc((size_t)n_shards, sizeof *c->shards);
    for (int i = 0; i < n_shards; i++) {
        struct shard *s = &c->shards[i];

        pthread_mutex_init(&s->mu, NULL);
        s->n_buckets = 64;
        s->buckets = mem_calloc(s->n_buckets, sizeof *s->buckets);
        s->stats.bytes_max = bytes_max / (size_t)n_shards;
    }
    return c;
}

/* A digest is uniform already: its bytes choose shard and bucket. */
static uint64_t word_of(const struct digest *key, int at)
{
    uint64_t w;

    memcpy(&w, key->b + at, sizeof w);
    return w;
}

static struct shard *shard_of(struct lru *c, const struct digest *key)
{
    return &c->shards[word_of(key, 8) % (uint64_t)c->n_shards];
}

static struct node **bucket_of(const struct shard *s, const struct digest *key)
{
    return &s->buckets[word_of(key, 0) & (s->n_buckets - 1)];
}

static size_t cost_of(const struct lru_value *v)
{
    return sizeof(struct node) + sizeof(struct counted) + v->n + v->n_tail;
}

static void unlink_use_locked(struct shard *s, struct node *n)
{
    *(n->newer ? &n->newer->older : &s->newest) = n->older;
    *(n->older ? &n->older->newer : &s->oldest) = n->newer;
}

static void link_newest_locked(struct shard *s, struct node *n)
{
    n->newer = NULL;
    n->older = s->newest;
    *(s->newest ? &s->newest->newer : &s->oldest) = n;
    s->newest = n;
}

static struct node *find_locked(const struct shard *s, const struct digest *key)
{
    struct node *n = *bucket_of(s, key);

    while (n && !digest_eq(&n->key, key))
        n = n->chain;
    return n;
}

static void drop_locked(struct shard *s, struct node *n)
{
    struct node **at = bucket_of(s, &n->key);

    while (*at != n)
        at = &(*at)->chain;
    *at = n->chain;
    unlink_use_locked(s, n);
    s->stats.bytes -= cost_of(n->value);
    s->stats.entries--;
    lru_value_unref(n->value);
    mem_free(n);
}

static void grow_locked(struct shard *s)
{
    struct node **old = s->buckets;
    size_t n_old = s->n_buckets;

    s->n_buckets *= 2;
    s->buckets = mem_calloc(s->n_buckets, sizeof *s->buckets);
    for (size_t i = 0; i < n_old; i++) {
        for (struct node *n = old[i], *next; n; n = next) {
            struct node **at = bucket_of(s, &n->key);

            next = n->chain;
            n->chain = *at;
            *at = n;
        }
    }
    mem_free(old);
}

void lru_free(struct lru *c)
{
    if (!c)
        return;
    lru_clear(c);
    for (int i = 0; i < c->n_shards; i++) {
        pthread_mutex_destroy(&c->shards[i].mu);
        mem_free(c->shards[i].buckets);
    }
    mem_free(c->shards);
    mem_free(c);
}

static bool is_expired(const struct lru_value *v)
{
    return clock_wall_ms() - v->stored_ms >= v->ttl_ms;
}

struct lru_value *lru_get(struct lru *c, const struct digest *key)
{
    struct shard *s = shard_of(c, key);
    struct lru_value *v = NULL;
    struct node *n;

    pthread_mutex_lock(&s->mu);
    n = find_locked(s, key);
    if (n && is_expired(n->value)) {
        drop_locked(s, n);
        s->stats.expirations++;
        n = NULL;
    }
    if (n) {
        unlink_use_locked(s, n);
        link_newest_locked(s, n);
        v = lru_value_ref(n->value);
        s->stats.hits++;
    } else {
        s->stats.misses++;
    }
    pthread_mutex_unlock(&s->mu);
    return v;
}

bool lru_has(struct lru *c, const struct digest *key)
{
    struct shard *s = shard_of(c, key);
    struct node *n;
    bool has;

    pthread_mutex_lock(&s->mu);
    n = find_locked(s, key);
    has = n && !is_expired(n->value);
    pthread_mutex_unlock(&s->mu);
    return has;
}

bool lru_put(struct lru *c, const struct digest *key, struct lru_value *value)
{
    struct shard *s = shard_of(c, key);
    size_t cost = cost_of(value);
    struct node *n, **at;

    if (cost > s->stats.bytes_max)
        return false;
    pthread_mutex_lock(&s->mu);
    n = find_locked(s, key);
    if (n)
        drop_locked(s, n);
    while (s->oldest && s->stats.bytes + cost > s->stats.bytes_max) {
        drop_locked(s, s->oldest);
        s->stats.evictions++;
    }
    if (s->stats.entries >= s->n_buckets)
        grow_locked(s);
    n = mem_alloc(sizeof *n);
    n->key = *key;
    n->value = lru_value_ref(value);
    at = bucket_of(s, key);
    n->chain = *at;
    *at = n;
    link_newest_locked(s, n);
    s->stats.bytes += cost;
    s->stats.entries++;
    s->stats.insertions++;
    pthread_mutex_unlock(&s->mu);
    return true;
}

bool lru_remove(struct lru *c, const struct digest *key)
{
    struct shard *s = shard_of(c, key);
    struct node *n;

    pthread_mutex_lock(&s->mu);
    n = find_locked(s, key);
    if (n)
        drop_locked(s, n);
    pthread_mutex_unlock(&s->mu);
    return n != NULL;
}

void lru_clear(struct lru *c)
{
    for (int i = 0; i < c->n_shards; i++) {
        struct shard *s = &c->shards[i];

        pthread_mutex_lock(&s->mu);
        while (s->oldest)
            drop_locked(s, s->oldest);
        pthread_mutex_unlock(&s->mu);
    }
}

void lru_shrink(struct lru *c, double share)
{
    for (int i = 0; i < c->n_shards; i++) {
        struct shard *s = &c->shards[i];
        size_t most;

        pthread_mutex_lock(&s->mu);
        most = (size_t)((double)s->stats.bytes * share);
        while (s->oldest && s->stats.bytes > most) {
            drop_locked(s, s->oldest);
            s->stats.evictions++;
        }
        pthread_mutex_unlock(&s->mu);
    }
}

void lru_stats_get(struct lru *c, struct lru_stats *out)
{
    *out = (struct lru_stats){0};
    for (int i = 0; i < c->n_shards; i++) {
        struct shard *s = &c->shards[i];

        pthread_mutex_lock(&s->mu);
        out->hits += s->stats.hits;
        out->misses += s->stats.misses;
        out->evictions += s->stats.evictions;
        out->expirations += s->stats.expirations;
        out->insertions += s->stats.insertions;
        out->entries += s->stats.entries;
        out->bytes += s->stats.bytes;
        out->bytes_max += s->stats.bytes_max;
        pthread_mutex_unlock(&s->mu);
    }
}
