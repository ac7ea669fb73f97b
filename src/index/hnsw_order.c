#include "index/hnsw_order.h"

#include <string.h>

#include "base/mem.h"

/* Nodes of level 0 in the order in which they are reached; those that are not come last. */
static void order_by_reach(const struct builder *b, uint32_t *order)
{
    const struct build_level *level = &b->level[0];
    uint8_t *met = mem_calloc(b->n + 1, 1);
    size_t head = 0, tail = 0;

    order[tail++] = b->entry;
    met[b->entry] = 1;
    while (head < tail) {
        uint32_t node = order[head++];

        for (size_t i = 0; i < level->n_links[node]; i++) {
            uint32_t to = level->links[node * level->room + i];

            if (!met[to])
                order[tail++] = to;
            met[to] = 1;
        }
    }
    for (uint32_t node = 0; node < b->n; node++)
        if (!met[node])
            order[tail++] = node;
    mem_free(met);
}

/* Keeps the order within each level, highest level first. */
static void group_by_level(const struct builder *b, const uint32_t *order, uint32_t *grouped)
{
    size_t at[HNSW_LEVELS];

    for (size_t l = 0; l < b->n_levels; l++)
        at[l] = l + 1 < b->n_levels ? b->level[l + 1].n : 0;
    for (size_t i = 0; i < b->n; i++)
        grouped[at[builder_level_of(b, order[i])]++] = order[i];
}

/* order[new] = old and its inverse. */
struct renaming {
    uint32_t *order, *now;
};

static struct renaming rename_nodes(const struct builder *b)
{
    struct renaming r = {mem_alloc((b->n + 1) * 4), mem_alloc((b->n + 1) * 4)};

    if (b->n) {
        order_by_reach(b, r.now);
        group_by_level(b, r.now, r.order);
    }
    for (uint32_t i = 0; i < b->n; i++)
        r.now[r.order[i]] = i;
    return r;
}

static void copy_links(const struct build_level *from, const struct renaming *r, uint32_t *to,
                       size_t degree)
{
    for (size_t i = 0; i < from->n; i++) {
        uint32_t node = r->order[i];

        for (size_t j = 0; j < degree; j++)
            to[i * degree + j] =
                j < from->n_links[node] ? r->now[from->links[node * from->room + j]] : HNSW_NONE;
    }
}

static void copy_nodes(const struct builder *b, const struct renaming *r, struct hnsw *h)
{
    uint8_t *codes = (uint8_t *)h->codes; /* ours until it is handed out */
    uint32_t *slot_of = (uint32_t *)h->slot_of, *node_of = (uint32_t *)h->node_of;

    memset(node_of, 0xff, h->n_slots * sizeof *node_of);
    for (uint32_t i = 0; i < b->n; i++) {
        uint32_t node = r->order[i];

        memcpy(codes + i * b->n_bytes, b->codes + node * b->n_bytes, b->n_bytes);
        slot_of[i] = b->slot_of[node];
        node_of[slot_of[i]] = i;
    }
}

struct hnsw *order_finish(const struct builder *b)
{
    struct hnsw_sizes sizes = {
        .n = b->n, .n_slots = b->n_slots, .n_bytes = b->n_bytes, .n_levels = b->n_levels};
    struct hnsw *h = hnsw_new();
    struct renaming r = rename_nodes(b);

    for (size_t l = 0; l < b->n_levels; l++) {
        sizes.count[l] = b->level[l].n;
        sizes.degree[l] = b->level[l].degree;
    }
    hnsw_allocate(h, &sizes);
    h->dim = b->dim;
    memcpy(&h->cut, &b->cut, sizeof h->cut);
    copy_nodes(b, &r, h);
    for (size_t l = 0; l < b->n_levels; l++)
        copy_links(&b->level[l], &r, (uint32_t *)h->level[l].links, h->level[l].degree);
    mem_free(r.order);
    mem_free(r.now);
    return h;
}
