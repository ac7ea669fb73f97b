#include "cache/alike.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/map.h"
#include "base/mem.h"
#include "simd/simd.h"

#define BLOCK       256 /* cosines at a time */
#define CODE_SCALE  127 /* of a vector's byte codes */
#define MAP_BYTES   80  /* an entry of a map */
#define SWEEP_PARTS 8   /* what has lived its time is looked for this often in a time to live */

/* Lists of use: of all, and of the scope. */
enum { OF_ALL, OF_SCOPE, N_LISTS };

struct list {
    struct kept *newest, *oldest;
};

struct kept {
    struct digest key;
    struct scope *scope;
    size_t at; /* its place in the scope */
    int64_t until_ms;
    size_t bytes;
    struct guard_form *form;
    float *vector; /* [dim]; NULL: none */
    struct {
        struct kept *newer, *older;
    } in[N_LISTS];
    size_t n_text;
    char text[];
};

/* What scans read lies one after the other, in the order of `kept`, and is small: the encoder's
 * weights have just been through the processor's caches. */
struct scope {
    struct digest key;
    size_t dim, n, cap, cap_forms, cap_codes;
    struct kept **kept;
    uint64_t *forms; /* [n] guard_form_key */
    int8_t *codes;   /* [n, dim] vectors times CODE_SCALE */
    struct list use;
};

struct alike {
    struct guard *guard;
    size_t bytes_max;
    atomic_int_fast64_t ttl_ms;
    atomic_uint_fast64_t events[N_ALIKE_EVENTS];
    pthread_rwlock_t lock; /* guards the fields below */
    struct map *scopes;    /* scope -> struct scope * */
    struct map *questions; /* key -> struct kept * */
    struct list use;
    size_t bytes;
    int64_t swept_ms;
};

static int64_t now_ms(void)
{
    return (int64_t)(clock_ns() / 1000000);
}

struct alike *alike_new(size_t bytes_max, int64_t ttl_ms)
{
    struct alike *a = mem_calloc(1, sizeof *a);

    a->guard = guard_new();
    a->bytes_max = bytes_max;
    a->ttl_ms = ttl_ms;
    a->scopes = map_new();
    a->questions = map_new();
    a->swept_ms = now_ms();
    pthread_rwlock_init(&a->lock, NULL);
    return a;
}

void alike_set_ttl(struct alike *a, int64_t ttl_ms)
{
    atomic_store(&a->ttl_ms, ttl_ms);
}

const struct guard *alike_guard(const struct alike *a)
{
    return a->guard;
}

/* ---- lists ---- */

static void unlink_from(struct list *l, struct kept *k, int i)
{
    *(k->in[i].newer ? &k->in[i].newer->in[i].older : &l->newest) = k->in[i].older;
    *(k->in[i].older ? &k->in[i].older->in[i].newer : &l->oldest) = k->in[i].newer;
}

static void put_first(struct list *l, struct kept *k, int i)
{
    k->in[i].newer = NULL;
    k->in[i].older = l->newest;
    *(l->newest ? &l->newest->in[i].newer : &l->oldest) = k;
    l->newest = k;
}

static void use_locked(struct alike *a, struct kept *k)
{
    unlink_from(&a->use, k, OF_ALL);
    unlink_from(&k->scope->use, k, OF_SCOPE);
    put_first(&a->use, k, OF_ALL);
    put_first(&k->scope->use, k, OF_SCOPE);
}

/* ---- what is there ---- */

static void *find(const struct map *m, const struct digest *key)
{
    uint64_t value;

    return map_get(m, key->b, DIGEST_BYTES, &value) ? (void *)(uintptr_t)value : NULL;
}

static void put(struct map *m, const struct digest *key, const void *value)
{
    map_put(m, key->b, DIGEST_BYTES, (uint64_t)(uintptr_t)value);
}

static struct scope *scope_locked(struct alike *a, const struct digest *key, size_t dim)
{
    struct scope *s = find(a->scopes, key);

    if (s)
        return s;
    s = mem_calloc(1, sizeof *s);
    s->key = *key;
    s->dim = dim;
    put(a->scopes, key, s);
    a->bytes += sizeof *s + MAP_BYTES;
    return s;
}

static void drop_scope_locked(struct alike *a, struct scope *s)
{
    a->bytes -= sizeof *s + MAP_BYTES;
    map_remove(a->scopes, s->key.b, DIGEST_BYTES);
    mem_free(s->kept);
    mem_free(s->forms);
    mem_free(s->codes);
    mem_free(s);
}

static void free_kept(struct kept *k)
{
    mem_free(k->form);
    mem_free(k->vector);
    mem_free(k);
}

/* The last of the scope takes its place. */
static void drop_locked(struct alike *a, struct kept *k)
{
    struct scope *s = k->scope;
    size_t last = --s->n;

    unlink_from(&a->use, k, OF_ALL);
    unlink_from(&s->use, k, OF_SCOPE);
    s->kept[k->at] = s->kept[last];
    s->kept[k->at]->at = k->at;
    s->forms[k->at] = s->forms[last];
    memmove(s->codes + k->at * s->dim, s->codes + last * s->dim, s->dim);
    map_remove(a->questions, k->key.b, DIGEST_BYTES);
    a->bytes -= k->bytes;
    free_kept(k);
    if (s->n == 0)
        drop_scope_locked(a, s);
}

void alike_clear(struct alike *a)
{
    pthread_rwlock_wrlock(&a->lock);
    while (a->use.oldest)
        drop_locked(a, a->use.oldest);
    pthread_rwlock_unlock(&a->lock);
}

void alike_free(struct alike *a)
{
    if (!a)
        return;
    alike_clear(a);
    map_free(a->scopes);
    map_free(a->questions);
    pthread_rwlock_destroy(&a->lock);
    guard_free(a->guard);
    mem_free(a);
}

/* ---- keeping ---- */

/* Now and then, so that no text stays much longer than its time. */
static void sweep_locked(struct alike *a)
{
    int64_t now = now_ms();

    if (now - a->swept_ms < a->ttl_ms / SWEEP_PARTS)
        return;
    a->swept_ms = now;
    for (struct kept *k = a->use.oldest, *next; k; k = next) {
        next = k->in[OF_ALL].newer;
        if (k->until_ms <= now)
            drop_locked(a, k);
    }
}

static struct kept *make(const struct alike *a, const struct digest *key, struct str text,
                         const float *vector, size_t dim)
{
    struct arena *mem = arena_new(0);
    struct guard_form *form = guard_prepare(a->guard, text, NULL, 0, mem);
    struct kept *k = mem_calloc(1, sizeof *k + text.n);

    k->key = *key;
    k->n_text = text.n;
    memcpy(k->text, text.p, text.n);
    k->form = mem_dup(form, guard_form_bytes(form));
    k->vector = dim ? mem_dup(vector, dim * sizeof(float)) : NULL;
    k->until_ms = now_ms() + a->ttl_ms;
    k->bytes = sizeof *k + text.n + guard_form_bytes(form) + dim * (sizeof(float) + 1) +
               sizeof(struct kept *) + sizeof(uint64_t) + MAP_BYTES;
    arena_free(mem);
    return k;
}

/* False: the scope's vectors have another length, and this one is not kept. */
static bool add_locked(struct alike *a, const struct digest *scope, struct kept *k, size_t dim)
{
    struct scope *s = scope_locked(a, scope, dim);

    if (s->dim != dim)
        return false;
    s->kept = mem_grow(s->kept, &s->cap, s->n + 1, sizeof *s->kept);
    s->forms = mem_grow(s->forms, &s->cap_forms, s->n + 1, sizeof *s->forms);
    s->forms[s->n] = guard_form_key(k->form);
    s->codes = mem_grow(s->codes, &s->cap_codes, (s->n + 1) * dim + 1, sizeof *s->codes);
    for (size_t i = 0; i < dim; i++)
        s->codes[s->n * dim + i] = (int8_t)lrintf(k->vector[i] * CODE_SCALE);
    k->scope = s;
    k->at = s->n;
    s->kept[s->n++] = k;
    put(a->questions, &k->key, k);
    put_first(&a->use, k, OF_ALL);
    put_first(&s->use, k, OF_SCOPE);
    a->bytes += k->bytes;
    if (s->n > ALIKE_SCOPE_MAX)
        drop_locked(a, s->use.oldest);
    while (a->bytes > a->bytes_max && a->use.oldest)
        drop_locked(a, a->use.oldest);
    return true;
}

/* False when it is not there. */
static bool renew_locked(struct alike *a, const struct digest *key)
{
    struct kept *k = find(a->questions, key);

    if (!k)
        return false;
    k->until_ms = now_ms() + a->ttl_ms;
    use_locked(a, k);
    return true;
}

void alike_keep(struct alike *a, const struct digest *scope, const struct digest *key,
                struct str text, const float *vector, size_t dim)
{
    struct kept *k;
    bool known, added = false;

    dim = vector ? dim : 0;
    pthread_rwlock_wrlock(&a->lock);
    sweep_locked(a);
    known = renew_locked(a, key);
    pthread_rwlock_unlock(&a->lock);
    if (known)
        return;
    k = make(a, key, text, vector, dim); /* outside the lock: it takes the guard some 20 us */
    pthread_rwlock_wrlock(&a->lock);
    known = renew_locked(a, key);
    if (!known)
        added = add_locked(a, scope, k, dim);
    pthread_rwlock_unlock(&a->lock);
    if (!added)
        free_kept(k);
}

void alike_used(struct alike *a, const struct digest *key)
{
    struct kept *k;

    pthread_rwlock_wrlock(&a->lock);
    k = find(a->questions, key);
    if (k)
        use_locked(a, k);
    pthread_rwlock_unlock(&a->lock);
}

/* ---- finding ---- */

/* The best so far, best first. */
struct nearest {
    size_t at[ALIKE_CANDIDATES];
    float cosine[ALIKE_CANDIDATES];
    size_t n;
};

static void offer(struct nearest *best, size_t at, float cosine)
{
    size_t i = best->n < ALIKE_CANDIDATES ? best->n++ : ALIKE_CANDIDATES - 1;

    for (; i > 0 && best->cosine[i - 1] < cosine; i--) {
        best->cosine[i] = best->cosine[i - 1];
        best->at[i] = best->at[i - 1];
    }
    best->cosine[i] = cosine;
    best->at[i] = at;
}

static void scan(const struct scope *s, const float *vector, int64_t now, struct nearest *best)
{
    const struct simd *simd = simd_get();
    float cosines[BLOCK];

    for (size_t first = 0; first < s->n; first += BLOCK) {
        size_t n = s->n - first < BLOCK ? s->n - first : BLOCK;

        simd->dot_rows_i8(vector, s->codes + first * s->dim, n, s->dim, 1.0f / CODE_SCALE, cosines);
        for (size_t i = 0; i < n; i++) {
            if (cosines[i] < (float)GUARD_COSINE_MIN ||
                (best->n == ALIKE_CANDIDATES && cosines[i] <= best->cosine[best->n - 1]))
                continue;
            if (s->kept[first + i]->until_ms > now)
                offer(best, first + i, cosines[i]);
        }
    }
}

static struct alike_question copy_of(const struct scope *s, size_t at, float cosine,
                                     struct arena *mem)
{
    const struct kept *k = s->kept[at];

    return (struct alike_question){
        .key = k->key,
        .text = {arena_strndup(mem, k->text, k->n_text), k->n_text},
        .vector = k->vector ? arena_dup(mem, k->vector, s->dim * sizeof(float)) : NULL,
        .dim = s->dim,
        .form = arena_dup(mem, k->form, guard_form_bytes(k->form)),
        .cosine = cosine,
    };
}

size_t alike_of_form(struct alike *a, const struct digest *scope, uint64_t form_key,
                     struct arena *mem, struct alike_question *out)
{
    int64_t now = now_ms();
    const struct scope *s;
    size_t n = 0;

    pthread_rwlock_rdlock(&a->lock);
    s = find(a->scopes, scope);
    for (size_t i = 0; s && i < s->n && n < ALIKE_CANDIDATES; i++)
        if (s->forms[i] == form_key && s->kept[i]->until_ms > now)
            out[n++] = copy_of(s, i, 0, mem);
    pthread_rwlock_unlock(&a->lock);
    return n;
}

size_t alike_nearest(struct alike *a, const struct digest *scope, const float *vector, size_t dim,
                     struct arena *mem, struct alike_question *out)
{
    struct nearest best = {.n = 0};
    const struct scope *s;

    pthread_rwlock_rdlock(&a->lock);
    s = find(a->scopes, scope);
    if (s && dim && s->dim == dim)
        scan(s, vector, now_ms(), &best);
    for (size_t i = 0; i < best.n; i++)
        out[i] = copy_of(s, best.at[i], best.cosine[i], mem);
    pthread_rwlock_unlock(&a->lock);
    return best.n;
}

/* ---- counting ---- */

uint64_t alike_count(struct alike *a, enum alike_event event)
{
    return atomic_fetch_add_explicit(&a->events[event], 1, memory_order_relaxed);
}

void alike_stats_get(struct alike *a, struct alike_stats *out)
{
    for (int i = 0; i < N_ALIKE_EVENTS; i++)
        out->events[i] = atomic_load_explicit(&a->events[i], memory_order_relaxed);
    pthread_rwlock_rdlock(&a->lock);
    out->questions = map_count(a->questions);
    out->bytes = a->bytes;
    pthread_rwlock_unlock(&a->lock);
    out->bytes_max = a->bytes_max;
}
