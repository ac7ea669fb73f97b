#include "base/queue.h"

#include <pthread.h>

#include "base/err.h"
#include "base/fair_queue.h"
#include "base/mem.h"

struct queue {
    size_t cap;
    pthread_mutex_t mu; /* guards the fields below */
    pthread_cond_t readable, writable;
    struct fair_queue *lanes[N_QUEUE_LANES];
    bool closed;
};

struct queue *queue_new(size_t cap_per_lane)
{
    struct queue *q = mem_calloc(1, sizeof *q);

    q->cap = cap_per_lane;
    for (int i = 0; i < N_QUEUE_LANES; i++)
        q->lanes[i] = fair_queue_new(cap_per_lane);
    pthread_mutex_init(&q->mu, NULL);
    pthread_cond_init(&q->readable, NULL);
    pthread_cond_init(&q->writable, NULL);
    return q;
}

void queue_free(struct queue *q)
{
    if (!q)
        return;
    for (int i = 0; i < N_QUEUE_LANES; i++)
        fair_queue_free(q->lanes[i]);
    pthread_mutex_destroy(&q->mu);
    pthread_cond_destroy(&q->readable);
    pthread_cond_destroy(&q->writable);
    mem_free(q);
}

enum when_full { REFUSE, WAIT, EXCEED };

static int push(struct queue *q, enum queue_lane lane, uint64_t flow, void *item,
                enum when_full when_full)
{
    int rc = ERR_OK;
    struct fair_queue *l = q->lanes[lane];

    pthread_mutex_lock(&q->mu);
    while (when_full == WAIT && !q->closed && fair_queue_excess(l, flow))
        pthread_cond_wait(&q->writable, &q->mu);
    if (q->closed) {
        rc = FAIL(ERR_CANCELLED, "the queue is closed");
    } else if (when_full == REFUSE && fair_queue_excess(l, flow)) {
        rc = FAIL(ERR_BUSY, "the queue is full (%zu waiting)", fair_queue_depth(l));
    } else {
        fair_queue_add(l, flow, item);
        pthread_cond_signal(&q->readable);
    }
    pthread_mutex_unlock(&q->mu);
    return rc;
}

int queue_try_push(struct queue *q, enum queue_lane lane, uint64_t flow, void *item)
{
    return push(q, lane, flow, item, REFUSE);
}

int queue_push(struct queue *q, enum queue_lane lane, void *item)
{
    return push(q, lane, QUEUE_NO_FLOW, item, WAIT);
}

int queue_put_back(struct queue *q, enum queue_lane lane, uint64_t flow, void *item)
{
    return push(q, lane, flow, item, EXCEED);
}

static bool take_locked(struct queue *q, void **item)
{
    for (int i = 0; i < N_QUEUE_LANES; i++)
        if (fair_queue_take(q->lanes[i], item)) {
            pthread_cond_broadcast(&q->writable);
            return true;
        }
    return false;
}

bool queue_pop(struct queue *q, void **item)
{
    bool got;

    pthread_mutex_lock(&q->mu);
    while (!(got = take_locked(q, item)) && !q->closed)
        pthread_cond_wait(&q->readable, &q->mu);
    pthread_mutex_unlock(&q->mu);
    return got;
}

bool queue_try_pop(struct queue *q, void **item)
{
    bool got;

    pthread_mutex_lock(&q->mu);
    got = take_locked(q, item);
    pthread_mutex_unlock(&q->mu);
    return got;
}

void queue_close(struct queue *q)
{
    pthread_mutex_lock(&q->mu);
    q->closed = true;
    pthread_cond_broadcast(&q->readable);
    pthread_cond_broadcast(&q->writable);
    pthread_mutex_unlock(&q->mu);
}

size_t queue_waiting(struct queue *q, enum queue_lane lane)
{
    size_t n;

    pthread_mutex_lock(&q->mu);
    n = fair_queue_depth(q->lanes[lane]);
    pthread_mutex_unlock(&q->mu);
    return n;
}

size_t queue_depth(struct queue *q)
{
    size_t n = 0;

    pthread_mutex_lock(&q->mu);
    for (int i = 0; i < N_QUEUE_LANES; i++)
        n += fair_queue_depth(q->lanes[i]);
    pthread_mutex_unlock(&q->mu);
    return n;
}

size_t queue_turns(struct queue *q, enum queue_lane lane, uint64_t flow)
{
    const struct fair_queue *l = q->lanes[lane];
    size_t n, n_flows;

    pthread_mutex_lock(&q->mu);
    n = fair_queue_excess(l, flow);
    n_flows = fair_queue_flows(l);
    n = n * n_flows < fair_queue_depth(l) ? n * n_flows : fair_queue_depth(l);
    for (int i = 0; n && i < (int)lane; i++)
        n += fair_queue_depth(q->lanes[i]);
    pthread_mutex_unlock(&q->mu);
    return n;
}
