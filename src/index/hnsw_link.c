#include "index/hnsw_link.h"

#include <math.h>
#include <sched.h>
#include <string.h>

#include "base/check.h"
#include "simd/simd.h"

/* Cosines this near to 1 are of one text twice, as far as codes can tell: they hide each other, or
 * a list would be full of copies that lead nowhere else. */
#define SAME 0.002f

static void lock(struct builder *b, uint32_t node)
{
    while (__atomic_test_and_set(&b->locks[node], __ATOMIC_ACQUIRE))
        sched_yield();
}

static void unlock(struct builder *b, uint32_t node)
{
    __atomic_clear(&b->locks[node], __ATOMIC_RELEASE);
}

static bool is_better(const struct walk_entry *a, const struct walk_entry *b)
{
    return a->score != b->score ? a->score > b->score : a->node < b->node;
}

/* By insertion: lists are short and mostly in order already. */
void link_sort(struct walk_entry *v, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        struct walk_entry e = v[i];
        size_t j = i;

        for (; j > 0 && is_better(&e, &v[j - 1]); j--)
            v[j] = v[j - 1];
        v[j] = e;
    }
}

static float distance(const struct builder *b, int32_t score)
{
    return fmaxf((float)b->one * (1 - SAME) - (float)score, 0);
}

/* Drops what the chosen one hides from those behind it; returns how many are left there. */
static size_t drop_hidden(const struct builder *b, struct build_work *w, uint32_t chosen,
                          struct walk_entry *rest, size_t n)
{
    struct codes_query q = codes_query_of(builder_code(b, chosen), b->dim, w->room_of_other);
    uint32_t nodes[LINK_CANDIDATES_MAX];
    int32_t scores[LINK_CANDIDATES_MAX];
    size_t n_left = 0;

    for (size_t i = 0; i < n; i++)
        nodes[i] = rest[i].node;
    simd_get()->codes_gather(q.bytes, q.bias, b->codes, b->n_bytes, b->n_bytes, nodes, n, scores);
    for (size_t i = 0; i < n; i++)
        if (b->p.alpha * distance(b, scores[i]) > distance(b, rest[i].score))
            rest[n_left++] = rest[i];
    return n_left;
}

size_t link_choose(const struct builder *b, struct build_work *w, struct walk_entry *candidates,
                   size_t n, size_t degree)
{
    size_t n_chosen = 0;

    CHECK(n <= LINK_CANDIDATES_MAX);
    while (n_chosen < n && n_chosen < degree) {
        uint32_t chosen = candidates[n_chosen++].node;

        if (n_chosen < degree)
            n = n_chosen + drop_hidden(b, w, chosen, candidates + n_chosen, n - n_chosen);
    }
    return n_chosen;
}

void link_set(struct build_level *level, uint32_t node, const struct walk_entry *links, size_t n)
{
    uint32_t *list = level->links + node * level->room;
    int32_t *scores = level->scores + node * level->room;

    for (size_t i = 0; i < n; i++) {
        scores[i] = links[i].score;
        __atomic_store_n(&list[i], links[i].node, __ATOMIC_RELAXED);
    }
    for (size_t i = n; i < level->n_links[node]; i++)
        __atomic_store_n(&list[i], HNSW_NONE, __ATOMIC_RELAXED);
    level->n_links[node] = (uint8_t)n;
}

size_t link_get(const struct build_level *level, uint32_t node, struct walk_entry *out)
{
    size_t n = level->n_links[node];

    for (size_t i = 0; i < n; i++)
        out[i] = (struct walk_entry){level->scores[node * level->room + i],
                                     level->links[node * level->room + i]};
    link_sort(out, n);
    return n;
}

static bool has_link(const struct build_level *level, uint32_t node, uint32_t to)
{
    for (size_t i = 0; i < level->n_links[node]; i++)
        if (level->links[node * level->room + i] == to)
            return true;
    return false;
}

static void append(struct build_level *level, uint32_t node, uint32_t to, int32_t score)
{
    size_t at = node * level->room + level->n_links[node]++;

    level->scores[at] = score;
    __atomic_store_n(&level->links[at], to, __ATOMIC_RELAXED);
}

static void cut_back(struct builder *b, struct build_work *w, struct build_level *level,
                     uint32_t node, struct walk_entry *all, size_t n)
{
    link_sort(all, n);
    n = link_choose(b, w, all, n, level->degree);
    link_set(level, node, all, n);
}

void link_add(struct builder *b, struct build_work *w, size_t l, uint32_t node, uint32_t to,
              int32_t score)
{
    struct build_level *level = &b->level[l];
    struct walk_entry all[UINT8_MAX + 1];

    lock(b, node);
    if (has_link(level, node, to)) {
        ;
    } else if (level->n_links[node] < level->room) {
        append(level, node, to, score);
    } else {
        size_t n = link_get(level, node, all);

        all[n++] = (struct walk_entry){score, to};
        cut_back(b, w, level, node, all, n);
    }
    unlock(b, node);
}

void link_trim(struct builder *b, struct build_work *w, size_t l, uint32_t node)
{
    struct walk_entry all[UINT8_MAX + 1];
    struct build_level *level = &b->level[l];
    size_t n = link_get(level, node, all);

    if (n > level->degree)
        n = link_choose(b, w, all, n, level->degree);
    link_set(level, node, all, n); /* nearest first, whatever was added when */
}

/* The nodes that the walk found, without the node itself. */
static size_t found(const struct walk *w, uint32_t self, struct walk_entry *out)
{
    size_t n = 0;

    for (size_t i = 0; i < w->n && n < LINK_CANDIDATES_MAX; i++)
        if ((w->beam[i].node & WALK_NODE) != self)
            out[n++] = (struct walk_entry){w->beam[i].score, w->beam[i].node & WALK_NODE};
    return n;
}

static void link_on_level(struct builder *b, struct build_work *w, size_t l, uint32_t node,
                          struct walk_entry *candidates, size_t n)
{
    n = link_choose(b, w, candidates, n, b->level[l].degree);
    lock(b, node);
    link_set(&b->level[l], node, candidates, n);
    unlock(b, node);
    for (size_t i = 0; i < n; i++)
        link_add(b, w, l, candidates[i].node, node, candidates[i].score);
}

void link_insert(struct builder *b, struct build_work *w, uint32_t node)
{
    struct codes_query q = codes_query_of(builder_code(b, node), b->dim, w->room);
    size_t top = builder_level_of(b, node);
    struct walk_graph g = builder_graph(b, b->entry_level);
    uint32_t at = b->entry;
    int32_t score = walk_score(&g, &q, at);

    walk_start(w->walk, b->p.ef_construction);
    for (size_t l = b->entry_level; l > top; l--) {
        g = builder_graph(b, l);
        walk_climb(w->walk, &g, &q, &at, &score);
    }
    for (size_t l = top < b->entry_level ? top + 1 : b->entry_level + 1; l-- > 0;) {
        struct walk_entry candidates[LINK_CANDIDATES_MAX];
        size_t n;

        g = builder_graph(b, l);
        walk_start(w->walk, b->p.ef_construction);
        walk_seed(w->walk, at, score);
        walk_run(w->walk, &g, &q, b->p.ef_construction);
        n = found(w->walk, node, candidates);
        if (n > 0) {
            at = candidates[0].node;
            score = candidates[0].score;
        }
        link_on_level(b, w, l, node, candidates, n);
    }
}
