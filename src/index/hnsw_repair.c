#include "index/hnsw_repair.h"

#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "index/hnsw_link.h"
#include "simd/simd.h"

/* ---- links of the older graph ---- */

/* The node's neighbours that stay, and when some are gone the neighbours of those. */
struct gathered {
    uint32_t node[LINK_CANDIDATES_MAX];
    size_t n;
    bool lost;
};

static void gather_one(struct gathered *g, uint32_t self, uint32_t node)
{
    if (node == HNSW_NONE || node == self || g->n == LINK_CANDIDATES_MAX)
        return;
    for (size_t i = 0; i < g->n; i++)
        if (g->node[i] == node)
            return;
    g->node[g->n++] = node;
}

static void gather_old(const struct hnsw_level *level, const uint32_t *now, uint32_t old,
                       uint32_t self, struct gathered *g)
{
    const uint32_t *list = level->links + old * level->degree;

    for (size_t i = 0; i < level->degree && list[i] != HNSW_NONE; i++)
        gather_one(g, self, now[list[i]]);
    for (size_t i = 0; i < level->degree && list[i] != HNSW_NONE; i++) {
        const uint32_t *beyond = level->links + list[i] * level->degree;

        if (now[list[i]] != HNSW_NONE)
            continue;
        g->lost = true;
        for (size_t j = 0; j < level->degree && beyond[j] != HNSW_NONE; j++)
            gather_one(g, self, now[beyond[j]]);
    }
}

static size_t score_gathered(const struct builder *b, struct build_work *w, uint32_t node,
                             const struct gathered *g, struct walk_entry *out)
{
    struct codes_query q = codes_query_of(builder_code(b, node), b->dim, w->room);
    int32_t scores[LINK_CANDIDATES_MAX];

    simd_get()->codes_gather(q.bytes, q.bias, b->codes, b->n_bytes, b->n_bytes, g->node, g->n,
                             scores);
    for (size_t i = 0; i < g->n; i++)
        out[i] = (struct walk_entry){scores[i], g->node[i]};
    link_sort(out, g->n);
    return g->n;
}

static void keep_node(struct builder *b, struct build_work *w, size_t i)
{
    uint32_t node = (uint32_t)i, old = b->from[i];
    const struct hnsw *h = b->grown->old;

    if (old == HNSW_NONE)
        return;
    for (size_t l = 0; l < h->n_levels && old < h->level[l].n; l++) {
        struct gathered g = {.n = 0};
        struct walk_entry links[LINK_CANDIDATES_MAX];
        size_t n;

        gather_old(&h->level[l], b->now, old, node, &g);
        n = score_gathered(b, w, node, &g, links);
        if (g.lost || n > b->level[l].room)
            n = link_choose(b, w, links, n, b->level[l].degree);
        link_set(&b->level[l], node, links, n);
    }
}

bool repair_keep_links(struct builder *b)
{
    return builder_each(b, 0, b->n, keep_node);
}

/* ---- reach ---- */

struct reach {
    uint32_t *parent; /* [n] from which it was first reached; its own: the entry; HNSW_NONE: not */
    uint32_t *queue;  /* [n] */
    size_t head, tail;
};

static void reach_visit(struct reach *r, uint32_t node, uint32_t parent)
{
    if (r->parent[node] != HNSW_NONE)
        return;
    r->parent[node] = parent;
    r->queue[r->tail++] = node;
}

static void reach_spread(const struct build_level *level, struct reach *r)
{
    while (r->head < r->tail) {
        uint32_t node = r->queue[r->head++];

        for (size_t i = 0; i < level->n_links[node]; i++)
            reach_visit(r, level->links[node * level->room + i], node);
    }
}

/* Puts the link where there is room, or in place of the worst by which nobody was reached. */
static bool link_from(struct build_level *level, const struct reach *r, uint32_t from, uint32_t to,
                      int32_t score)
{
    uint32_t *list = level->links + from * level->room;
    size_t n = level->n_links[from], at = n;

    if (n == level->degree) {
        while (at-- > 0 && r->parent[list[at]] == from)
            ;
        if (at == (size_t)-1)
            return false;
    } else {
        level->n_links[from]++;
    }
    list[at] = to;
    level->scores[from * level->room + at] = score;
    return true;
}

/* The nearest reached nodes are where a walk to it ends. */
static void reach_from_near(struct builder *b, struct build_work *w, struct reach *r, uint32_t node)
{
    struct codes_query q = codes_query_of(builder_code(b, node), b->dim, w->room);
    struct walk_graph g = builder_graph(b, 0);

    walk_start(w->walk, b->p.ef_construction);
    walk_seed(w->walk, b->entry, walk_score(&g, &q, b->entry));
    walk_run(w->walk, &g, &q, b->p.ef_construction);
    for (size_t i = 0; i < w->walk->n; i++) {
        uint32_t from = w->walk->beam[i].node & WALK_NODE;

        if (link_from(&b->level[0], r, from, node, w->walk->beam[i].score)) {
            reach_visit(r, node, from);
            return;
        }
    }
    /* Every node has at most one parent, so of the entry's part of the tree one has room. */
    for (size_t i = 0; r->parent[node] == HNSW_NONE; i++) {
        CHECK(i < r->tail);
        if (link_from(&b->level[0], r, r->queue[i], node, 0))
            reach_visit(r, node, r->queue[i]);
    }
}

static void reach_all(struct builder *b, struct build_work *w, size_t unused)
{
    struct reach r = {mem_alloc((b->n + 1) * 4), mem_alloc((b->n + 1) * 4), 0, 0};

    (void)unused;
    memset(r.parent, 0xff, b->n * 4);
    reach_visit(&r, b->entry, b->entry);
    reach_spread(&b->level[0], &r);
    for (uint32_t node = 0; node < b->n; node++)
        if (r.parent[node] == HNSW_NONE) {
            reach_from_near(b, w, &r, node);
            reach_spread(&b->level[0], &r);
        }
    mem_free(r.parent);
    mem_free(r.queue);
}

void repair_reach(struct builder *b)
{
    builder_each(b, 0, 1, reach_all);
}
