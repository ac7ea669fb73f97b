#include "base/crew.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/cpu.h"
#include "base/mem.h"

/* A helper stays this long after its leader has closed: questions one after another find it there
 * instead of waking it again. Other work of the pool sends it away at once. */
#define LINGER_NS 50000

/* The pool's queue is looked at, and the clock, once in so many turns without work. */
#define TURNS_BETWEEN_LOOKS 64

/* Spinning is for microseconds. Where other programs want the processors too, whoever has a unit
 * may lose its own for milliseconds, and whoever spins on gets in its way: 3,000 steps beside a
 * build took minutes. */
#define TURNS_BEFORE_YIELDING 4096
#define LOOKS_BETWEEN_YIELDS  64

struct crew {
    /* The step as one word: how many units it has (bits 16..31), and the next one to take (bits
     * 0..15). Whoever adds one and gets a unit below the number has taken it. */
    _Atomic uint32_t step;
    _Atomic uint32_t n_done; /* units of the step */
    pool_each_fn fn;         /* of the step: written while no unit is out, read by who has one */
    void *arg;
    _Atomic(struct pool *) pool;
    atomic_bool open;
    int most;             /* helpers that are of use */
    size_t size;          /* the leader's: itself and who was asked; 1: not open */
    atomic_int n_helpers; /* asked and not yet gone */
};

struct crew *crew_new(void)
{
    struct crew *c = mem_calloc(1, sizeof *c);

    c->most = (cpu_count() < CREW_SIZE_MAX ? cpu_count() : CREW_SIZE_MAX) - 1;
    c->size = 1;
    return c;
}

static void breathe(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

void crew_free(struct crew *c)
{
    if (!c)
        return;
    while (atomic_load(&c->n_helpers) > 0) /* on their way out */
        breathe();
    mem_free(c);
}

/* One unit of the present step; false when none is left. */
static bool take_unit(struct crew *c)
{
    uint32_t step = atomic_load_explicit(&c->step, memory_order_relaxed);

    if ((step & 0xffff) >= step >> 16)
        return false;
    step = atomic_fetch_add_explicit(&c->step, 1, memory_order_acquire);
    if ((step & 0xffff) >= step >> 16)
        return false;
    c->fn(c->arg, step & 0xffff);
    atomic_fetch_add_explicit(&c->n_done, 1, memory_order_release);
    return true;
}

void crew_run(struct crew *c, size_t n, pool_each_fn fn, void *arg)
{
    CHECK(n <= CREW_UNITS_MAX);
    c->fn = fn;
    c->arg = arg;
    atomic_store_explicit(&c->n_done, 0, memory_order_relaxed);
    atomic_store_explicit(&c->step, (uint32_t)n << 16, memory_order_release);
    while (take_unit(c))
        continue;
    for (int i = 0; atomic_load_explicit(&c->n_done, memory_order_acquire) < n; i++)
        if (i < TURNS_BEFORE_YIELDING)
            breathe();
        else
            sched_yield(); /* whoever has the unit has lost its processor */
}

static bool may_stay(struct crew *c, uint64_t *closed_ns)
{
    if (atomic_load(&c->open)) {
        *closed_ns = 0;
        return true;
    }
    if (*closed_ns == 0)
        *closed_ns = clock_ns();
    return clock_ns() - *closed_ns < LINGER_NS && pool_depth(atomic_load(&c->pool)) == 0;
}

static void help(void *arg, int i_worker)
{
    struct crew *c = arg;
    uint64_t closed_ns = 0;
    unsigned n_looks = 0;

    (void)i_worker;
    while (may_stay(c, &closed_ns)) {
        for (int i = 0; i < TURNS_BETWEEN_LOOKS; i++) {
            if (take_unit(c))
                i = 0;
            breathe();
        }
        if (++n_looks % LOOKS_BETWEEN_YIELDS == 0)
            sched_yield(); /* on a busy machine the leader may wait for this processor */
    }
    atomic_fetch_sub(&c->n_helpers, 1);
}

bool crew_open(struct crew *c, struct pool *pool)
{
    int n_idle;

    c->size = 1;
    if (!pool) /* a helper of the last time may still be here, and look at the pool it knows */
        return false;
    n_idle = pool_idle(pool);
    atomic_store(&c->pool, pool);
    atomic_store(&c->open, true);
    for (int i = atomic_load(&c->n_helpers); i < c->most && i < n_idle; i++) {
        atomic_fetch_add(&c->n_helpers, 1);
        if (pool_submit(pool, QUEUE_BULK, help, c) < 0) {
            atomic_fetch_sub(&c->n_helpers, 1);
            break;
        }
    }
    c->size = 1 + (size_t)atomic_load(&c->n_helpers); /* asked once: one may be leaving */
    if (c->size == 1)
        atomic_store(&c->open, false);
    return c->size > 1;
}

size_t crew_size(const struct crew *c)
{
    return c->size;
}

void crew_close(struct crew *c)
{
    atomic_store(&c->open, false);
}
