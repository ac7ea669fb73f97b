#include "index/hnsw_walk.h"

#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "index/bitmap.h"
#include "index/hnsw_parts.h"
#include "simd/simd.h"

/* The longest list: a build's. */
#define LIST_MAX (HNSW_DEGREE_MAX + HNSW_DEGREE_MAX / 2)

struct walk *walk_new(size_t n_nodes)
{
    struct walk *w = mem_calloc(1, sizeof *w);

    w->seen = mem_calloc(n_nodes + 1, 1);
    w->n_nodes = n_nodes;
    return w;
}

void walk_free(struct walk *w)
{
    if (!w)
        return;
    mem_free(w->beam);
    mem_free(w->kept);
    mem_free(w->slots);
    mem_free(w->seen);
    mem_free(w);
}

static void forget(struct walk *w)
{
    if (++w->epoch == 0) {
        memset(w->seen, 0, w->n_nodes);
        w->epoch = 1;
    }
}

void walk_start(struct walk *w, size_t ef)
{
    if (ef > w->cap) {
        w->cap = ef;
        w->beam = mem_realloc(w->beam, (ef + 1) * sizeof *w->beam);
        w->kept = mem_realloc(w->kept, (ef + 1) * sizeof *w->kept);
        w->slots = mem_realloc(w->slots, (ef + 1) * sizeof *w->slots);
    }
    w->n = w->n_kept = 0;
    w->visited = w->hops = 0;
    forget(w);
}

static uint32_t link_at(const uint32_t *link)
{
    return __atomic_load_n(link, __ATOMIC_RELAXED); /* a plain load; see the header */
}

int32_t walk_score(const struct walk_graph *g, const struct codes_query *q, uint32_t node)
{
    int32_t score;

    simd_get()->codes_rows(q->bytes, q->bias, g->codes + node * g->n_bytes, g->n_bytes, 1, &score);
    return score;
}

static size_t read_list(const struct walk_graph *g, uint32_t node, uint32_t *out)
{
    const uint32_t *list = g->links + node * g->degree;
    size_t n = 0;

    for (size_t i = 0; i < g->degree; i++) {
        uint32_t to = link_at(&list[i]);

        if (to == HNSW_NONE)
            break;
        out[n++] = to;
    }
    return n;
}

static void score_all(const struct walk_graph *g, const struct codes_query *q,
                      const uint32_t *nodes, size_t n, int32_t *scores)
{
    simd_get()->codes_gather(q->bytes, q->bias, g->codes, g->n_bytes, g->n_bytes, nodes, n, scores);
}

void walk_climb(struct walk *w, const struct walk_graph *g, const struct codes_query *q,
                uint32_t *node, int32_t *score)
{
    uint32_t list[LIST_MAX], from;
    int32_t scores[LIST_MAX];

    do {
        size_t n = read_list(g, *node, list);

        from = *node;
        score_all(g, q, list, n, scores);
        w->visited += n;
        w->hops++;
        for (size_t i = 0; i < n; i++)
            if (scores[i] > *score) {
                *score = scores[i];
                *node = list[i];
            }
    } while (*node != from);
}

/* Where it went, or `ef` when it does not belong. */
static size_t beam_insert(struct walk_entry *beam, size_t *n, size_t ef, int32_t score,
                          uint32_t node)
{
    size_t at = 0, left = *n, last;

    if (*n == ef && score <= beam[ef - 1].score)
        return ef;
    while (left > 0) {
        size_t half = left / 2;

        if (beam[at + half].score >= score) {
            at += half + 1;
            left -= half + 1;
        } else {
            left = half;
        }
    }
    last = *n < ef ? (*n)++ : ef - 1;
    memmove(beam + at + 1, beam + at, (last - at) * sizeof *beam);
    beam[at] = (struct walk_entry){score, node};
    return at;
}

void walk_seed(struct walk *w, uint32_t node, int32_t score)
{
    w->seen[node] = w->epoch;
    beam_insert(w->beam, &w->n, w->cap, score, node);
}

/* The neighbours not met before, with their scores. */
static size_t expand(struct walk *w, const struct walk_graph *g, const struct codes_query *q,
                     uint32_t node, uint32_t *fresh, int32_t *scores)
{
    const uint32_t *list = g->links + node * g->degree;
    uint8_t epoch = w->epoch;
    size_t n = 0;

    for (size_t i = 0; i < g->degree; i++) {
        uint32_t to = link_at(&list[i]);

        if (to == HNSW_NONE)
            break;
        fresh[n] = to;
        n += w->seen[to] != epoch;
        w->seen[to] = epoch;
    }
    score_all(g, q, fresh, n, scores);
    w->visited += n;
    w->hops++;
    return n;
}

static void ask_for_list(const struct walk_graph *g, uint32_t node)
{
    const char *list = (const char *)(g->links + node * g->degree);

    for (size_t i = 0; i < g->degree * sizeof *g->links; i += 64)
        __builtin_prefetch(list + i);
}

void walk_run(struct walk *w, const struct walk_graph *g, const struct codes_query *q, size_t ef)
{
    uint32_t fresh[LIST_MAX];
    int32_t scores[LIST_MAX];

    DCHECK(ef <= w->cap);
    for (size_t at = 0; at < w->n;) {
        size_t n, low = at + 1;

        if (w->beam[at].node & WALK_EXPANDED) {
            at++;
            continue;
        }
        w->beam[at].node |= WALK_EXPANDED;
        n = expand(w, g, q, w->beam[at].node & WALK_NODE, fresh, scores);
        for (size_t i = 0; i < n; i++) {
            size_t to = beam_insert(w->beam, &w->n, ef, scores[i], fresh[i]);

            if (to <= low) {
                low = to;
                ask_for_list(g, fresh[i]);
            }
        }
        at = low;
    }
}

static void keep_seeds(struct walk *w, size_t ef, const struct walk_filter *f)
{
    for (size_t i = 0; i < w->n; i++)
        if (bitmap_get(f->allowed, f->slot_of[w->beam[i].node]))
            beam_insert(w->kept, &w->n_kept, ef, w->beam[i].score, w->beam[i].node);
}

/* At the end of the beam: when it is full, what is allowed may begin behind it. */
static bool kept_are_nearest(const struct walk *w, size_t ef, size_t wide_ef)
{
    if (w->n < wide_ef)
        return true;
    return w->n_kept == ef && w->kept[ef - 1].score >= w->beam[w->n - 1].score;
}

bool walk_run_filtered(struct walk *w, const struct walk_graph *g, const struct codes_query *q,
                       size_t ef, const struct walk_filter *f)
{
    uint32_t fresh[LIST_MAX];
    int32_t scores[LIST_MAX];

    keep_seeds(w, ef, f);
    for (size_t at = 0; at < w->n;) {
        size_t n, low = at + 1;

        if (w->beam[at].node & WALK_EXPANDED) {
            at++;
            continue;
        }
        if (w->n_kept == ef && w->beam[at].score < w->kept[ef - 1].score)
            return true;
        if (w->visited > f->max_visited)
            return false;
        w->beam[at].node |= WALK_EXPANDED;
        n = expand(w, g, q, w->beam[at].node & WALK_NODE, fresh, scores);
        for (size_t i = 0; i < n; i++) {
            size_t to = beam_insert(w->beam, &w->n, f->wide_ef, scores[i], fresh[i]);

            if (to < low)
                low = to;
            if (to < f->wide_ef && bitmap_get(f->allowed, f->slot_of[fresh[i]]))
                beam_insert(w->kept, &w->n_kept, ef, scores[i], fresh[i]);
        }
        at = low;
    }
    return kept_are_nearest(w, ef, f->wide_ef);
}
