#include "base/pool.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/thread.h"

struct job {
    pool_fn fn;
    void *arg;
};

struct worker {
    struct pool *pool;
    int i;
    pthread_t thread;
};

struct pool {
    struct queue *jobs;
    int n_threads, niceness;
    atomic_int n_busy;
    atomic_uint_fast64_t job_ns; /* running mean of what one takes; 0: none has run */
    struct worker *workers;
};

#define MEAN_OF 16 /* jobs, about */

/* Two workers at once may lose one's part of the mean: it is one. */
static void took(struct pool *p, uint64_t ns)
{
    uint64_t mean = atomic_load_explicit(&p->job_ns, memory_order_relaxed);

    mean = mean ? mean - mean / MEAN_OF + ns / MEAN_OF : ns;
    atomic_store_explicit(&p->job_ns, mean, memory_order_relaxed);
}

static void *worker_main(void *arg)
{
    struct worker *w = arg;
    void *item;

    if (w->pool->niceness)
        (void)!nice(w->pool->niceness); /* this thread alone, on Linux */
    while (queue_pop(w->pool->jobs, &item)) {
        struct job *j = item;
        uint64_t since_ns = clock_ns();

        atomic_fetch_add(&w->pool->n_busy, 1);
        j->fn(j->arg, w->i);
        took(w->pool, clock_ns() - since_ns);
        atomic_fetch_sub(&w->pool->n_busy, 1);
        mem_free(j);
    }
    return NULL;
}

struct pool *pool_new(const char *name, int n_threads, size_t cap)
{
    return pool_new_nice(name, n_threads, cap, 0);
}

struct pool *pool_new_nice(const char *name, int n_threads, size_t cap, int niceness)
{
    struct pool *p = mem_calloc(1, sizeof *p);

    CHECK(n_threads > 0);
    p->jobs = queue_new(cap);
    p->n_threads = n_threads;
    p->niceness = niceness;
    p->workers = mem_calloc((size_t)n_threads, sizeof *p->workers);
    for (int i = 0; i < n_threads; i++) {
        struct worker *w = &p->workers[i];
        char label[32];

        w->pool = p;
        w->i = i;
        snprintf(label, sizeof label, "%.10s-%d", name, i);
        thread_start(&w->thread, label, worker_main, w);
    }
    return p;
}

void pool_free(struct pool *p)
{
    if (!p)
        return;
    queue_close(p->jobs);
    for (int i = 0; i < p->n_threads; i++)
        pthread_join(p->workers[i].thread, NULL);
    queue_free(p->jobs);
    mem_free(p->workers);
    mem_free(p);
}

typedef int (*push_fn)(struct queue *q, enum queue_lane lane, uint64_t flow, void *item);

static int submit(struct pool *p, push_fn push, enum queue_lane lane, uint64_t flow, pool_fn fn,
                  void *arg)
{
    struct job *j = mem_alloc(sizeof *j);
    int rc;

    *j = (struct job){fn, arg};
    rc = push(p->jobs, lane, flow, j);
    if (rc < 0)
        mem_free(j);
    return rc;
}

uint64_t pool_flow(const char *name)
{
    uint64_t flow = hash64(name, strlen(name));

    return flow == QUEUE_NO_FLOW ? 1 : flow;
}

int pool_submit_for(struct pool *p, enum queue_lane lane, uint64_t flow, pool_fn fn, void *arg)
{
    return submit(p, queue_try_push, lane, flow, fn, arg);
}

int pool_submit(struct pool *p, enum queue_lane lane, pool_fn fn, void *arg)
{
    return submit(p, queue_try_push, lane, QUEUE_NO_FLOW, fn, arg);
}

int pool_submit_again(struct pool *p, enum queue_lane lane, uint64_t flow, pool_fn fn, void *arg)
{
    return submit(p, queue_put_back, lane, flow, fn, arg);
}

int64_t pool_room_ms(struct pool *p, enum queue_lane lane, uint64_t flow)
{
    uint64_t turns = queue_turns(p->jobs, lane, flow);
    uint64_t ns = atomic_load_explicit(&p->job_ns, memory_order_relaxed);

    return (int64_t)(turns * ns / (uint64_t)p->n_threads / 1000000);
}

/* Shared by the caller and its helpers; the last one out frees it, because a helper may still be
 * in the queue when the caller has done all the work itself. */
struct each {
    struct pool *pool;
    pool_each_fn fn;
    void *arg;
    size_t n;
    atomic_size_t next;
    atomic_int refs;
    pthread_mutex_t mu; /* guards the fields below */
    pthread_cond_t all_done;
    size_t n_done;
};

static void each_unref(struct each *e)
{
    if (atomic_fetch_sub(&e->refs, 1) > 1)
        return;
    pthread_mutex_destroy(&e->mu);
    pthread_cond_destroy(&e->all_done);
    mem_free(e);
}

/* True when there is more to do, but a question waits (only where `gives_way`). */
static bool each_run(struct each *e, bool gives_way)
{
    size_t i, n_mine = 0;
    bool stopped = false;

    while (!stopped && (i = atomic_fetch_add(&e->next, 1)) < e->n) {
        e->fn(e->arg, i);
        n_mine++;
        stopped = gives_way && queue_waiting(e->pool->jobs, QUEUE_URGENT) > 0;
    }
    if (n_mine == 0)
        return false;
    pthread_mutex_lock(&e->mu);
    e->n_done += n_mine;
    if (e->n_done == e->n)
        pthread_cond_signal(&e->all_done);
    pthread_mutex_unlock(&e->mu);
    return stopped;
}

/* With several ingests every worker may be a helper. A question waits for one step of one of them,
 * not for the batch: the helper goes to the end of the lane and comes back for the rest. */
static void each_help(void *arg, int i_worker)
{
    struct each *e = arg;

    (void)i_worker;
    while (each_run(e, true))
        if (pool_submit_again(e->pool, QUEUE_BULK, QUEUE_NO_FLOW, each_help, e) == ERR_OK)
            return;
    each_unref(e);
}

void pool_each(struct pool *p, size_t n, pool_each_fn fn, void *arg)
{
    struct each *e;

    if (n == 0)
        return;
    e = mem_calloc(1, sizeof *e);
    e->pool = p;
    e->fn = fn;
    e->arg = arg;
    e->n = n;
    atomic_init(&e->refs, 1);
    pthread_mutex_init(&e->mu, NULL);
    pthread_cond_init(&e->all_done, NULL);
    for (int i = 1; i < p->n_threads && (size_t)i < n; i++) { /* the caller is one of them */
        atomic_fetch_add(&e->refs, 1);
        if (pool_submit(p, QUEUE_BULK, each_help, e) < 0)
            atomic_fetch_sub(&e->refs, 1); /* too busy to help: the caller does it */
    }
    (void)each_run(e, false);
    pthread_mutex_lock(&e->mu);
    while (e->n_done < e->n)
        pthread_cond_wait(&e->all_done, &e->mu);
    pthread_mutex_unlock(&e->mu);
    each_unref(e);
}

int pool_threads(const struct pool *p)
{
    return p->n_threads;
}

size_t pool_depth(struct pool *p)
{
    return queue_depth(p->jobs);
}

int pool_busy(struct pool *p)
{
    return atomic_load(&p->n_busy);
}

int pool_idle(struct pool *p)
{
    int n_idle = p->n_threads - atomic_load(&p->n_busy) - (int)queue_depth(p->jobs);

    return n_idle > 0 ? n_idle : 0;
}
