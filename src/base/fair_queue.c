#include "base/fair_queue.h"

#include "base/check.h"
#include "base/map.h"
#include "base/mem.h"

#define FIRST_ITEMS 8

struct flow {
    uint64_t id;
    void **items; /* ring */
    size_t cap, head, n;
    struct flow *next; /* in the round */
};

struct fair_queue {
    size_t cap, n, n_flows;
    struct map *flows;         /* id -> struct flow, of those that wait */
    struct flow *first, *last; /* the round: the first one's turn is next */
    struct flow *spare;        /* the last one that emptied, for its memory */
};

struct fair_queue *fair_queue_new(size_t cap)
{
    struct fair_queue *q = mem_calloc(1, sizeof *q);

    CHECK(cap > 0);
    q->cap = cap;
    q->flows = map_new();
    return q;
}

static void flow_free(struct flow *f)
{
    if (f)
        mem_free(f->items);
    mem_free(f);
}

void fair_queue_free(struct fair_queue *q)
{
    if (!q)
        return;
    for (struct flow *f = q->first, *next; f; f = next) {
        next = f->next;
        flow_free(f);
    }
    flow_free(q->spare);
    map_free(q->flows);
    mem_free(q);
}

static struct flow *find(const struct fair_queue *q, uint64_t id)
{
    uint64_t at;

    if (q->first && q->first->id == id)
        return q->first; /* mostly there is one */
    return map_get(q->flows, &id, sizeof id, &at) ? (struct flow *)(uintptr_t)at : NULL;
}

size_t fair_queue_excess(const struct fair_queue *q, uint64_t id)
{
    const struct flow *f = find(q, id);
    size_t n_flows = q->n_flows + !f, n = f ? f->n : 0;
    size_t share = q->cap / n_flows ? q->cap / n_flows : 1;

    return n < share ? 0 : n - share + 1;
}

static struct flow *begin(struct fair_queue *q, uint64_t id)
{
    struct flow *f = q->spare;

    q->spare = NULL;
    if (!f) {
        f = mem_calloc(1, sizeof *f);
        f->items = mem_calloc(FIRST_ITEMS, sizeof(void *));
        f->cap = FIRST_ITEMS;
    }
    f->id = id;
    map_put(q->flows, &id, sizeof id, (uint64_t)(uintptr_t)f);
    q->n_flows++;
    return f;
}

static void end(struct fair_queue *q, struct flow *f)
{
    map_remove(q->flows, &f->id, sizeof f->id);
    q->n_flows--;
    flow_free(q->spare);
    q->spare = f;
}

static void stand_last(struct fair_queue *q, struct flow *f)
{
    f->next = NULL;
    *(q->last ? &q->last->next : &q->first) = f;
    q->last = f;
}

static void put(struct flow *f, void *item)
{
    if (f->n == f->cap) {
        void **items = mem_calloc(2 * f->cap, sizeof(void *));

        for (size_t i = 0; i < f->n; i++)
            items[i] = f->items[(f->head + i) % f->cap];
        mem_free(f->items);
        f->items = items;
        f->head = 0;
        f->cap *= 2;
    }
    f->items[(f->head + f->n++) % f->cap] = item;
}

void fair_queue_add(struct fair_queue *q, uint64_t id, void *item)
{
    struct flow *f = find(q, id);

    if (!f) {
        f = begin(q, id);
        stand_last(q, f);
    }
    put(f, item);
    q->n++;
}

bool fair_queue_take(struct fair_queue *q, void **item)
{
    struct flow *f = q->first;

    if (!f)
        return false;
    *item = f->items[f->head];
    f->head = (f->head + 1) % f->cap;
    f->n--;
    q->n--;
    q->first = f->next;
    if (!q->first)
        q->last = NULL;
    if (f->n)
        stand_last(q, f);
    else
        end(q, f);
    return true;
}

size_t fair_queue_depth(const struct fair_queue *q)
{
    return q->n;
}

size_t fair_queue_flows(const struct fair_queue *q)
{
    return q->n_flows;
}
