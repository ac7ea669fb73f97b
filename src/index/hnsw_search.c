
#include "base/check.h"
#include "index/hnsw_parts.h"

/* The walk ranks by codes: what is this far below the k-th exact cosine would have to be wrong by
 * as much to matter. 12 vectors are read for the ten best, not a fixed 40. */
#define WALK_SIGMAS 5.0f

/* What a search needs beside the graph. */
struct search {
    const struct hnsw *h;
    const struct hnsw_query *q;
    struct codes_query codes;
    struct hnsw_stats *stats;
    int8_t room[HNSW_MAX_DIM];
};

static void search_init(struct search *s, const struct hnsw *h, const struct hnsw_query *q,
                        struct hnsw_stats *stats)
{
    CHECK(q->k > 0);
    s->h = h;
    s->q = q;
    s->stats = stats;
    s->codes = codes_query(q->vector, h->dim, s->room);
}

/* From the entry down to level 1; the best node met becomes the beam of level 0. */
static void descend(const struct search *s, struct walk *w)
{
    struct walk_graph g = hnsw_level_graph(s->h, 0);
    uint32_t node = 0;
    int32_t score = walk_score(&g, &s->codes, node);

    for (size_t l = s->h->n_levels; l-- > 1;) {
        g = hnsw_level_graph(s->h, l);
        walk_climb(w, &g, &s->codes, &node, &score);
    }
    walk_seed(w, node, score);
}

static size_t best_of(const struct search *s, struct walk *w, const struct walk_entry *found,
                      size_t n, struct vector_hit *out)
{
    struct rescore r = {
        s->q->vector, s->q->vectors, s->h->dim, s->codes.unit, WALK_SIGMAS * s->codes.error,
        s->q->ids};

    for (size_t i = 0; i < n; i++)
        w->slots[i] =
            (struct code_candidate){found[i].score, s->h->slot_of[found[i].node & WALK_NODE]};
    return rescore_best(&r, w->slots, n, s->q->k, out, s->stats ? &s->stats->rescored : NULL);
}

static void count(struct hnsw_stats *stats, const struct walk *w)
{
    if (!stats)
        return;
    stats->visited += w->visited;
    stats->hops += w->hops;
}

/* Twice the beam that would hold ef allowed ones if they were spread evenly. */
static size_t wide_ef(const struct hnsw *h, const struct hnsw_query *q, size_t ef)
{
    size_t wide = 2 * ef * h->n / (q->n_allowed + 1) + ef;

    return wide < 8 * HNSW_MAX_EF ? wide : 8 * HNSW_MAX_EF;
}

static size_t search_filtered(const struct search *s, struct walk *w, size_t ef,
                              struct vector_hit *out)
{
    struct walk_filter f = {s->q->allowed, s->h->slot_of, wide_ef(s->h, s->q, ef), s->q->n_allowed};
    struct walk_graph g = hnsw_level_graph(s->h, 0);
    bool found;

    walk_start(w, f.wide_ef);
    descend(s, w);
    found = walk_run_filtered(w, &g, &s->codes, ef, &f);
    count(s->stats, w);
    return found ? best_of(s, w, w->kept, w->n_kept, out)
                 : hnsw_scan_codes(s->h, s->q, &s->codes, out, s->stats);
}

static size_t search_all(const struct search *s, struct walk *w, size_t ef, struct vector_hit *out)
{
    struct walk_graph g = hnsw_level_graph(s->h, 0);

    walk_start(w, ef);
    descend(s, w);
    walk_run(w, &g, &s->codes, ef);
    count(s->stats, w);
    return best_of(s, w, w->beam, w->n, out);
}

size_t hnsw_search(const struct hnsw *h, const struct hnsw_query *q, struct vector_hit *out,
                   struct hnsw_stats *stats)
{
    size_t ef = q->ef > q->k ? q->ef : q->k, n;
    struct search s;
    struct walk *w;

    if (stats)
        *stats = (struct hnsw_stats){0};
    if (h->n == 0 || (q->allowed && q->n_allowed == 0))
        return 0;
    search_init(&s, h, q, stats);
    w = hnsw_walk_take(h);
    n = q->allowed ? search_filtered(&s, w, ef, out) : search_all(&s, w, ef, out);
    hnsw_walk_give(h, w);
    return n;
}
