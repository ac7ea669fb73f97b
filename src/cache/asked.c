#include "cache/asked.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"

#define ENTRY_OVERHEAD 120 /* of map and allocator, about */

struct entry {
    struct digest key;
    uint64_t count, fresh; /* fresh: since the last asked_take */
    uint64_t epoch;
    size_t n_text;
    char *tenant, *collection, *text; /* in `bytes` */
    size_t n_bytes;
    char bytes[];
};

struct shard {
    pthread_mutex_t mu;  /* guards the fields below */
    struct map *entries; /* key -> struct entry */
    size_t n_bytes;
};

struct asked {
    size_t shard_bytes_max;
    atomic_uint_fast64_t generation;
    struct shard shards[ASKED_SHARDS];
};

struct asked *asked_new(size_t bytes_max)
{
    struct asked *a = mem_calloc(1, sizeof *a);

    a->shard_bytes_max = bytes_max / ASKED_SHARDS;
    for (size_t i = 0; i < ASKED_SHARDS; i++) {
        pthread_mutex_init(&a->shards[i].mu, NULL);
        a->shards[i].entries = map_new();
    }
    return a;
}

static struct entry *next_entry(const struct map *m, size_t *at)
{
    const void *key;
    size_t n;
    uint64_t value = 0;

    return map_next(m, at, &key, &n, &value) ? (struct entry *)(uintptr_t)value : NULL;
}

void asked_free(struct asked *a)
{
    if (!a)
        return;
    asked_forget(a, NULL, NULL);
    for (size_t i = 0; i < ASKED_SHARDS; i++) {
        map_free(a->shards[i].entries);
        pthread_mutex_destroy(&a->shards[i].mu);
    }
    mem_free(a);
}

static struct shard *shard_of(struct asked *a, const struct digest *key)
{
    return &a->shards[key->b[0] % ASKED_SHARDS];
}

static struct entry *find_locked(const struct shard *s, const struct digest *key)
{
    uint64_t value;

    return map_get(s->entries, key->b, DIGEST_BYTES, &value) ? (struct entry *)(uintptr_t)value
                                                             : NULL;
}

/* ---- room ---- */

/* Keeps those that `stays` says, in a map of their size; the others are freed. */
static void sift_locked(struct shard *s, bool (*stays)(struct entry *e, void *arg), void *arg)
{
    struct map *rest = map_new();
    struct entry *e;

    for (size_t at = 0; (e = next_entry(s->entries, &at)) != NULL;) {
        if (stays(e, arg)) {
            map_put(rest, e->key.b, DIGEST_BYTES, (uint64_t)(uintptr_t)e);
        } else {
            s->n_bytes -= e->n_bytes;
            mem_free(e);
        }
    }
    map_free(s->entries);
    s->entries = rest;
}

static bool halve(struct entry *e, void *arg)
{
    (void)arg;
    e->count /= 2;
    return e->count > 0;
}

/* Half of the room at least, so that this is seldom. */
static void make_room_locked(struct asked *a, struct shard *s)
{
    while (s->n_bytes > a->shard_bytes_max / 2)
        sift_locked(s, halve, NULL);
}

/* ---- counting ---- */

bool asked_again(struct asked *a, const struct digest *key)
{
    struct shard *s = shard_of(a, key);
    struct entry *e;

    if (a->shard_bytes_max == 0)
        return true;
    pthread_mutex_lock(&s->mu);
    e = find_locked(s, key);
    if (e) {
        e->count++;
        e->fresh++;
    }
    pthread_mutex_unlock(&s->mu);
    return e != NULL;
}

static char *put_text(char **at, const char *p, size_t n)
{
    char *start = *at;

    memcpy(start, p, n);
    start[n] = '\0';
    *at = start + n + 1;
    return start;
}

static struct entry *entry_new(const struct asked_question *q)
{
    size_t n_tenant = strlen(q->tenant), n_collection = strlen(q->collection);
    size_t n = n_tenant + n_collection + q->text.n + 3;
    struct entry *e = mem_alloc(sizeof *e + n);
    char *at = e->bytes;

    *e = (struct entry){.key = q->key,
                        .epoch = q->epoch,
                        .n_text = q->text.n,
                        .n_bytes = sizeof *e + n + ENTRY_OVERHEAD};
    e->tenant = put_text(&at, q->tenant, n_tenant);
    e->collection = put_text(&at, q->collection, n_collection);
    e->text = put_text(&at, q->text.p, q->text.n);
    return e;
}

/* Adds to what is there, or makes it. */
static void add(struct asked *a, const struct asked_question *q, uint64_t count, uint64_t fresh)
{
    struct shard *s = shard_of(a, &q->key);
    struct entry *e;

    pthread_mutex_lock(&s->mu);
    e = find_locked(s, &q->key);
    if (!e) {
        e = entry_new(q);
        if (s->n_bytes + e->n_bytes > a->shard_bytes_max)
            make_room_locked(a, s);
        s->n_bytes += e->n_bytes;
        map_put(s->entries, e->key.b, DIGEST_BYTES, (uint64_t)(uintptr_t)e);
    } else if (!fresh) {
        count = 0;
    }
    e->count += count;
    e->fresh += fresh;
    pthread_mutex_unlock(&s->mu);
}

static bool has_room(const struct asked *a, const struct asked_question *q)
{
    return q->text.n + sizeof(struct entry) + 3 * ENTRY_OVERHEAD < a->shard_bytes_max / 2;
}

void asked_add(struct asked *a, const struct asked_question *q)
{
    if (has_room(a, q))
        add(a, q, 1, 1);
}

void asked_recall(struct asked *a, const struct asked_question *q)
{
    if (has_room(a, q) && q->count > 0)
        add(a, q, q->count, 0);
}

void asked_seen_to(struct asked *a, const struct digest *key, uint64_t epoch)
{
    struct shard *s = shard_of(a, key);
    struct entry *e;

    pthread_mutex_lock(&s->mu);
    e = find_locked(s, key);
    if (e)
        e->epoch = epoch;
    pthread_mutex_unlock(&s->mu);
}

/* ---- telling ---- */

struct list {
    struct asked_question *v;
    size_t n, cap;
};

static void list_add(struct list *l, const struct entry *e, uint64_t count, struct arena *mem)
{
    if (l->n == l->cap) {
        struct asked_question *old = l->v;

        l->cap = l->cap ? 2 * l->cap : 64;
        l->v = ARENA_ARRAY(mem, struct asked_question, l->cap);
        if (l->n)
            memcpy(l->v, old, l->n * sizeof *old);
    }
    l->v[l->n++] = (struct asked_question){
        .key = e->key,
        .tenant = arena_strdup(mem, e->tenant),
        .collection = arena_strdup(mem, e->collection),
        .text = {arena_strndup(mem, e->text, e->n_text), e->n_text},
        .count = count,
        .epoch = e->epoch,
    };
}

uint64_t asked_generation(struct asked *a)
{
    return atomic_load(&a->generation);
}

size_t asked_take(struct asked *a, struct arena *mem, struct asked_question **out,
                  uint64_t *generation)
{
    struct list l = {0};

    *generation = asked_generation(a);
    for (size_t i = 0; i < ASKED_SHARDS; i++) {
        struct shard *s = &a->shards[i];
        struct entry *e;

        pthread_mutex_lock(&s->mu);
        for (size_t at = 0; (e = next_entry(s->entries, &at)) != NULL;) {
            if (e->fresh)
                list_add(&l, e, e->fresh, mem);
            e->fresh = 0;
        }
        pthread_mutex_unlock(&s->mu);
    }
    *out = l.v;
    return l.n;
}

static bool is_of(const struct entry *e, const char *tenant, const char *collection)
{
    return !tenant || (strcmp(e->tenant, tenant) == 0 && strcmp(e->collection, collection) == 0);
}

static int more_asked(const void *x, const void *y)
{
    const struct asked_question *a = x, *b = y;

    if (a->count != b->count)
        return a->count > b->count ? -1 : 1;
    return memcmp(a->key.b, b->key.b, DIGEST_BYTES);
}

size_t asked_popular(struct asked *a, const char *tenant, const char *collection,
                     uint64_t min_count, size_t limit, struct arena *mem,
                     struct asked_question **out)
{
    struct list l = {0};

    for (size_t i = 0; i < ASKED_SHARDS; i++) {
        struct shard *s = &a->shards[i];
        struct entry *e;

        pthread_mutex_lock(&s->mu);
        for (size_t at = 0; (e = next_entry(s->entries, &at)) != NULL;)
            if (e->count >= min_count && is_of(e, tenant, collection))
                list_add(&l, e, e->count, mem);
        pthread_mutex_unlock(&s->mu);
    }
    if (l.n)
        qsort(l.v, l.n, sizeof *l.v, more_asked);
    *out = l.v;
    return l.n < limit ? l.n : limit;
}

/* ---- forgetting ---- */

struct scope {
    const char *tenant, *collection;
};

static bool is_elsewhere(struct entry *e, void *arg)
{
    const struct scope *scope = arg;

    return !is_of(e, scope->tenant, scope->collection);
}

/* The generation first: what was taken before is not written down from here on. */
void asked_forget(struct asked *a, const char *tenant, const char *collection)
{
    struct scope scope = {tenant, collection};

    atomic_fetch_add(&a->generation, 1);
    for (size_t i = 0; i < ASKED_SHARDS; i++) {
        struct shard *s = &a->shards[i];

        pthread_mutex_lock(&s->mu);
        sift_locked(s, is_elsewhere, &scope);
        pthread_mutex_unlock(&s->mu);
    }
}
