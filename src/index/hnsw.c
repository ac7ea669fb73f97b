#include "index/hnsw.h"

#include <string.h>

#include "base/mem.h"
#include "index/hnsw_parts.h"

struct hnsw *hnsw_new(void)
{
    struct hnsw *h = mem_calloc(1, sizeof *h);

    pthread_mutex_init(&h->mu, NULL);
    h->n_levels = 1;
    return h;
}

void hnsw_free(struct hnsw *h)
{
    if (!h)
        return;
    while (h->idle) {
        struct walk *w = h->idle;

        h->idle = w->next;
        walk_free(w);
    }
    pages_free(&h->memory);
    pthread_mutex_destroy(&h->mu);
    mem_free(h);
}

static size_t whole_lines(size_t n_bytes)
{
    return (n_bytes + 63) / 64 * 64;
}

void hnsw_allocate(struct hnsw *h, const struct hnsw_sizes *s)
{
    size_t codes = whole_lines(s->n * s->n_bytes), lists[HNSW_LEVELS] = {0};
    size_t slot_of = whole_lines(s->n * 4), node_of = whole_lines(s->n_slots * 4);
    size_t total = codes + slot_of + node_of + 64;
    char *p;

    for (size_t l = 0; l < s->n_levels; l++)
        total += lists[l] = whole_lines(s->count[l] * s->degree[l] * 4);
    h->memory = pages_alloc(total);
    p = h->memory.base;
    h->codes = (const uint8_t *)p;
    p += codes;
    for (size_t l = 0; l < s->n_levels; l++) {
        h->level[l] = (struct hnsw_level){(const uint32_t *)p, s->count[l], s->degree[l]};
        p += lists[l];
    }
    h->slot_of = (const uint32_t *)p;
    h->node_of = (const uint32_t *)(p + slot_of);
    h->n = s->n;
    h->n_slots = s->n_slots;
    h->n_bytes = s->n_bytes;
    h->n_levels = s->n_levels;
}

struct hnsw *hnsw_copy(const struct hnsw *h)
{
    struct hnsw_sizes sizes = {
        .n = h->n, .n_slots = h->n_slots, .n_bytes = h->n_bytes, .n_levels = h->n_levels};
    struct hnsw *to = hnsw_new();

    for (size_t l = 0; l < h->n_levels; l++) {
        sizes.count[l] = h->level[l].n;
        sizes.degree[l] = h->level[l].degree;
    }
    hnsw_allocate(to, &sizes);
    to->dim = h->dim;
    to->cut = h->cut;
    memcpy(to->curve, h->curve, sizeof to->curve);
    memcpy((uint8_t *)to->codes, h->codes, h->n * h->n_bytes);
    memcpy((uint32_t *)to->slot_of, h->slot_of, h->n * 4);
    memcpy((uint32_t *)to->node_of, h->node_of, h->n_slots * 4);
    for (size_t l = 0; l < h->n_levels; l++)
        memcpy((uint32_t *)to->level[l].links, h->level[l].links,
               h->level[l].n * h->level[l].degree * 4);
    return to;
}

/* The list is not part of what the graph says, hence the cast from const. */
struct walk *hnsw_walk_take(const struct hnsw *h)
{
    struct hnsw *own = (struct hnsw *)h;
    struct walk *w;

    pthread_mutex_lock(&own->mu);
    w = own->idle;
    if (w)
        own->idle = w->next;
    pthread_mutex_unlock(&own->mu);
    return w ? w : walk_new(h->n);
}

void hnsw_walk_give(const struct hnsw *h, struct walk *w)
{
    struct hnsw *own = (struct hnsw *)h;

    pthread_mutex_lock(&own->mu);
    w->next = own->idle;
    own->idle = w;
    pthread_mutex_unlock(&own->mu);
}

size_t hnsw_vectors(const struct hnsw *h)
{
    return h->n;
}

size_t hnsw_slots(const struct hnsw *h)
{
    return h->n_slots;
}

size_t hnsw_dim(const struct hnsw *h)
{
    return h->dim;
}

size_t hnsw_bytes(const struct hnsw *h)
{
    size_t n = h->n * (h->n_bytes + 4) + h->n_slots * 4;

    for (size_t l = 0; l < h->n_levels; l++)
        n += h->level[l].n * h->level[l].degree * 4;
    return n;
}
