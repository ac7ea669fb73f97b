#include "base/queue.h"

#include <pthread.h>

#include "base/err.h"
#include "base/mem.h"

struct lane {
    void **items; /* ring */
    size_t cap, head, n;
};

struct queue {
    size_t cap;
    pthread_mutex_t mu; /* guards the fields below */
    pthread_cond_t readable, writable;
    struct lane lanes[N_QUEUE_LANES];
    bool closed;
};

struct queue *queue_new(size_t cap_per_lane)
{
    struct queue *q = mem_calloc(1, sizeof *q);

    q->cap = cap_per_lane;
    for (int i = 0; i < N_QUEUE_LANES; i++)
        q->lanes[i] =
            (struct lane){.items = mem_calloc(cap_per_lane, sizeof(void *)), .cap = cap_per_lane};
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
        mem_free(q->lanes[i].items);
    pthread_mutex_destroy(&q->mu);
    pthread_cond_destroy(&q->readable);
    pthread_cond_destroy(&q->writable);
    mem_free(q);
}

static void lane_add(struct lane *l, void *item)
{
    if (l->n == l->cap) { /* only what is put back makes it so long */
        void **items = mem_calloc(2 * l->cap, sizeof(void *));

        for (size_t i = 0; i < l->n; i++)
            items[i] = l->items[(l->head + i) % l->cap];
        mem_free(l->items);
        *l = (struct lane){.items = items, .cap = 2 * l->cap, .n = l->n};
    }
    l->items[(l->head + l->n++) % l->cap] = item;
}

enum when_full { REFUSE, WAIT, EXCEED };

static int push(struct queue *q, enum queue_lane lane, void *item, enum when_full when_full)
{
    int rc = ERR_OK;
    struct lane *l = &q->lanes[lane];

    pthread_mutex_lock(&q->mu);
    while (when_full == WAIT && !q->closed && l->n >= q->cap)
        pthread_cond_wait(&q->writable, &q->mu);
    if (q->closed) {
        rc = FAIL(ERR_CANCELLED, "the queue is closed");
    } else if (when_full == REFUSE && l->n >= q->cap) {
        rc = FAIL(ERR_BUSY, "the queue is full (%zu waiting)", q->cap);
    } else {
        lane_add(l, item);
        pthread_cond_signal(&q->readable);
    }
    pthread_mutex_unlock(&q->mu);
    return rc;
}

int queue_try_push(struct queue *q, enum queue_lane lane, void *item)
{
    return push(q, lane, item, REFUSE);
}

int queue_push(struct queue *q, enum queue_lane lane, void *item)
{
    return push(q, lane, item, WAIT);
}

int queue_put_back(struct queue *q, enum queue_lane lane, void *item)
{
    return push(q, lane, item, EXCEED);
}

static bool take_locked(struct queue *q, void **item)
{
    for (int i = 0; i < N_QUEUE_LANES; i++) {
        struct lane *l = &q->lanes[i];

        if (l->n == 0)
            continue;
        *item = l->items[l->head];
        l->head = (l->head + 1) % l->cap;
        l->n--;
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
    n = q->lanes[lane].n;
    pthread_mutex_unlock(&q->mu);
    return n;
}

size_t queue_depth(struct queue *q)
{
    size_t n = 0;

    pthread_mutex_lock(&q->mu);
    for (int i = 0; i < N_QUEUE_LANES; i++)
        n += q->lanes[i].n;
    pthread_mutex_unlock(&q->mu);
    return n;
}
