#include "embed/gather.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/queue.h>
#include <time.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"

enum fate {
    WAITS,  /* in the list of those who wait */
    RIDES,  /* another one's call has its text */
    CALLS,  /* it makes the call: of its batch, or without one of its text */
    SERVED, /* rc and reason are there, and the vector if all went well */
    ALONE,  /* its call was refused, perhaps because of another's text */
};

/* A caller, on its own stack. Others touch it under the lock only, and only while it is in a list
 * or in a batch; it takes itself out of both before it leaves. */
struct asker {
    TAILQ_ENTRY(asker) link; /* of those who wait, later of those who call */
    pthread_cond_t changed;
    enum fate fate;
    struct str text;  /* the caller's own */
    char *copy;       /* of it, while it waits; then the batch's, which may outlive the caller */
    int64_t until_ms; /* on the clock of now_ms */
    int64_t since_ms; /* CALLS: when it began */
    bool is_counted;  /* CALLS: among n_counted */
    struct batch *batch;
    size_t i_text; /* its place in the batch */
    float *out;
    int rc;
    char reason[ERR_TEXT_MAX]; /* errors do not change threads by themselves */
};

/* The texts of one call; its caller's to free. */
struct batch {
    size_t n;
    struct str *texts;     /* [n] */
    struct asker **askers; /* [n] NULL: has left; guarded by the lock */
    float *vectors;        /* [n, dim] */
};

TAILQ_HEAD(askers, asker);

struct gather {
    struct gather_options o;
    pthread_mutex_t mu;             /* guards the fields below */
    struct askers waiting, calling; /* both in order of time */
    size_t n_waiting;
    int n_counted; /* of those who call, but for the slow ones */
};

static int64_t now_ms(void)
{
    return (int64_t)(clock_ns() / 1000000);
}

static int64_t left_ms(const struct asker *a)
{
    int64_t left = a->until_ms - now_ms();

    return left > 1 ? left : 1;
}

struct gather *gather_new(const struct gather_options *o)
{
    struct gather *g = mem_calloc(1, sizeof *g);

    CHECK(o->max_calls >= 1);
    CHECK(o->dim >= 1);
    g->o = *o;
    pthread_mutex_init(&g->mu, NULL);
    TAILQ_INIT(&g->waiting);
    TAILQ_INIT(&g->calling);
    return g;
}

void gather_free(struct gather *g)
{
    if (!g)
        return;
    CHECK(TAILQ_EMPTY(&g->waiting));
    CHECK(TAILQ_EMPTY(&g->calling));
    pthread_mutex_destroy(&g->mu);
    mem_free(g);
}

size_t gather_waiting(struct gather *g)
{
    size_t n;

    pthread_mutex_lock(&g->mu);
    n = g->n_waiting;
    pthread_mutex_unlock(&g->mu);
    return n;
}

/* ---- batches ---- */

static struct batch *batch_new(size_t n, size_t dim)
{
    struct batch *b = mem_calloc(1, sizeof *b);

    b->n = n;
    b->texts = mem_calloc(n, sizeof *b->texts);
    b->askers = mem_calloc(n, sizeof *b->askers);
    b->vectors = mem_calloc(n * dim, sizeof *b->vectors);
    return b;
}

static void batch_free(struct batch *b)
{
    if (!b)
        return;
    for (size_t i = 0; i < b->n; i++)
        mem_free((char *)(uintptr_t)b->texts[i].p);
    mem_free(b->texts);
    mem_free(b->askers);
    mem_free(b->vectors);
    mem_free(b);
}

static void stop_waiting_locked(struct gather *g, struct asker *a)
{
    TAILQ_REMOVE(&g->waiting, a, link);
    g->n_waiting--;
}

static void board_locked(struct batch *b, struct asker *a, size_t i)
{
    b->texts[i] = (struct str){a->copy, a->text.n};
    b->askers[i] = a;
    a->copy = NULL; /* handed over */
    a->batch = b;
    a->i_text = i;
    a->fate = RIDES;
}

/* Those who wait, first come first served, but for those whose time is over: they are about to
 * leave by themselves. NULL: nobody. */
static struct batch *gather_locked(struct gather *g)
{
    size_t n = 0, max = atomic_load(g->o.batch_max), i = 0;
    int64_t now = now_ms();
    struct asker *a, *next;
    struct batch *b;

    TAILQ_FOREACH(a, &g->waiting, link)
    n += a->until_ms > now;
    n = n < max ? n : max;
    if (n == 0)
        return NULL;
    b = batch_new(n, g->o.dim);
    for (a = TAILQ_FIRST(&g->waiting); i < n; a = next) {
        next = TAILQ_NEXT(a, link);
        if (a->until_ms <= now)
            continue;
        stop_waiting_locked(g, a);
        board_locked(b, a, i++);
    }
    return b;
}

/* ---- calls ---- */

static void begin_locked(struct gather *g, struct asker *a)
{
    a->fate = CALLS;
    a->since_ms = now_ms();
    a->is_counted = true;
    g->n_counted++;
    TAILQ_INSERT_TAIL(&g->calling, a, link);
}

static void discount_locked(struct gather *g, struct asker *a)
{
    g->n_counted -= a->is_counted;
    a->is_counted = false;
}

static struct asker *most_patient(const struct batch *b)
{
    struct asker *best = b->askers[0];

    for (size_t i = 1; i < b->n; i++)
        if (b->askers[i]->until_ms > best->until_ms)
            best = b->askers[i];
    return best;
}

/* Calls as many as may be made now and are of use. */
static void make_calls_locked(struct gather *g)
{
    while (g->n_counted < g->o.max_calls) {
        struct batch *b = gather_locked(g);
        struct asker *a;

        if (!b)
            return;
        a = most_patient(b);
        begin_locked(g, a);
        pthread_cond_signal(&a->changed);
    }
}

/* Calls that are slow by now make room for others. */
static void forget_slow_locked(struct gather *g, int64_t now)
{
    struct asker *a;

    TAILQ_FOREACH(a, &g->calling, link)
    if (a->since_ms + g->o.patience_ms <= now)
        discount_locked(g, a);
}

static void serve_locked(const struct gather *g, struct asker *a, int rc, const char *reason)
{
    struct batch *b = a->batch;

    if (a->fate == RIDES)
        pthread_cond_signal(&a->changed);
    a->fate = rc == ERR_ARGUMENT && b->n > 1 ? ALONE : SERVED;
    a->rc = rc;
    a->batch = NULL;
    if (rc == ERR_OK)
        memcpy(a->out, b->vectors + a->i_text * g->o.dim, g->o.dim * sizeof *a->out);
    else
        snprintf(a->reason, sizeof a->reason, "%s", reason);
}

static void end_locked(struct gather *g, struct asker *a, int rc, const char *reason)
{
    struct batch *b = a->batch;

    TAILQ_REMOVE(&g->calling, a, link);
    discount_locked(g, a);
    for (size_t i = 0; b && i < b->n; i++)
        if (b->askers[i])
            serve_locked(g, b->askers[i], rc, reason);
    make_calls_locked(g);
}

static int call_alone(struct gather *g, struct asker *a)
{
    return g->o.fn(g->o.arg, &a->text, 1, left_ms(a), a->out);
}

/* The call of its batch, or of its own text. */
static int call(struct gather *g, struct asker *a)
{
    struct batch *b = a->batch;
    int rc = b ? g->o.fn(g->o.arg, b->texts, b->n, left_ms(a), b->vectors) : call_alone(g, a);

    pthread_mutex_lock(&g->mu);
    end_locked(g, a, rc, err_text());
    pthread_mutex_unlock(&g->mu);
    batch_free(b);
    return a->fate == ALONE ? call_alone(g, a) : rc;
}

/* ---- waiting ---- */

static void sleep_locked(struct gather *g, struct asker *a, int64_t until_ms)
{
    struct timespec t = {until_ms / 1000, until_ms % 1000 * 1000000};

    pthread_cond_timedwait(&a->changed, &g->mu, &t);
}

/* When the first of the calls becomes slow; a later one may wake it in vain, which is harmless. */
static int64_t next_look_locked(const struct gather *g, const struct asker *a)
{
    const struct asker *c;

    if (a->fate == RIDES)
        return a->until_ms;
    TAILQ_FOREACH(c, &g->calling, link)
    if (c->is_counted && c->since_ms + g->o.patience_ms < a->until_ms)
        return c->since_ms + g->o.patience_ms;
    return a->until_ms;
}

static void wait_locked(struct gather *g, struct asker *a)
{
    while (a->fate == WAITS || a->fate == RIDES) {
        int64_t now = now_ms();

        if (now >= a->until_ms)
            return;
        if (a->fate == WAITS) {
            forget_slow_locked(g, now);
            make_calls_locked(g);
        }
        if (a->fate == WAITS || a->fate == RIDES)
            sleep_locked(g, a, next_look_locked(g, a));
    }
}

static void leave_locked(struct gather *g, struct asker *a)
{
    if (a->fate == WAITS)
        stop_waiting_locked(g, a);
    else if (a->fate == RIDES)
        a->batch->askers[a->i_text] = NULL;
}

static void start_waiting_locked(struct gather *g, struct asker *a)
{
    pthread_condattr_t monotonic;

    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&a->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    a->copy = mem_alloc(a->text.n + 1);
    if (a->text.n)
        memcpy(a->copy, a->text.p, a->text.n);
    TAILQ_INSERT_TAIL(&g->waiting, a, link);
    g->n_waiting++;
}

/* Waits for others' calls, or to make one. */
static void join_locked(struct gather *g, struct asker *a)
{
    start_waiting_locked(g, a);
    wait_locked(g, a);
    leave_locked(g, a);
    pthread_cond_destroy(&a->changed);
    mem_free(a->copy);
}

int gather_ask(struct gather *g, struct str text, int64_t within_ms, float *out)
{
    struct asker a = {.fate = WAITS, .text = text, .until_ms = now_ms() + within_ms, .out = out};

    CHECK(within_ms >= 1);
    pthread_mutex_lock(&g->mu);
    if (g->n_counted < g->o.max_calls)
        begin_locked(g, &a);
    else
        join_locked(g, &a);
    pthread_mutex_unlock(&g->mu);
    switch (a.fate) {
    case CALLS: return call(g, &a);
    case ALONE: return call_alone(g, &a);
    case SERVED: return a.rc < 0 ? FAIL(a.rc, "%s", a.reason) : a.rc;
    default:
        return FAIL(ERR_TIMEOUT,
                    "%s: no answer within %lld ms, waiting for other requests included", g->o.name,
                    (long long)within_ms);
    }
}
