#include "index/summaries.h"

#include <stdlib.h>
#include <string.h>

#include "index/bitmap.h"
#include "index/search.h"

#define DEEP (FUSION_CANDIDATES / 4) /* candidates of a list that is no longer for it */

/* A document that may be the one. */
struct document {
    struct str key;
    double score;
    bool is_spare; /* found by a chunk though it has a summary: taken when others do not suffice */
};

struct documents {
    struct document *v;
    size_t n, cap;
};

static bool is_among(const struct documents *d, struct str key)
{
    for (size_t i = 0; i < d->n; i++)
        if (str_eq(d->v[i].key, key))
            return true;
    return false;
}

static struct str key_of(const struct snapshot *snap, const struct candidate *c)
{
    const struct segment *s = snap->views[c->view].segment;

    return dict_at(s->keys, s->document[c->slot]);
}

/* Where a living document is; false: nowhere. */
static bool find_living(const struct snapshot *snap, struct str key, size_t *view, uint32_t *place)
{
    for (size_t i = 0; i < snap->n_views; i++) {
        const struct view *v = &snap->views[i];

        *view = i;
        if (dict_find(v->segment->keys, key, place) &&
            !(v->dead && bitmap_get(v->dead->documents, *place)))
            return true;
    }
    return false;
}

static bool has_summary(const struct snapshot *snap, struct str key)
{
    size_t view;
    uint32_t place;

    return snap->summaries && find_living(snap->summaries, key, &view, &place);
}

static int by_score(const void *a, const void *b)
{
    const struct document *x = a, *y = b;
    size_t n = x->key.n < y->key.n ? x->key.n : y->key.n;
    int c;

    if (x->is_spare != y->is_spare)
        return x->is_spare ? 1 : -1;
    if (x->score != y->score)
        return x->score > y->score ? -1 : 1;
    c = memcmp(x->key.p, y->key.p, n);
    return c ? c : (x->key.n > y->key.n) - (x->key.n < y->key.n);
}

/* Each list is best first, so the first chunk of a document is its best. */
static void add_found(struct documents *d, const struct snapshot *snap, const struct found *found)
{
    for (size_t i = 0; i < found->n && d->n < d->cap; i++) {
        struct str key = key_of(snap, &found->v[i].at);

        if (!is_among(d, key))
            d->v[d->n++] = (struct document){.key = key, .score = found->v[i].at.score};
    }
}

/* Both lists give shares of their best, so the scores of a summary and of a chunk mean the same. */
static struct documents choose(const struct snapshot *snap, const struct search_spec *spec,
                               struct arena *mem)
{
    struct search_spec deep = *spec;
    struct found summaries = {0}, chunks;
    struct documents d = {0};
    size_t n_summaries, wanted = spec->k > SUMMARY_DOCUMENTS ? (size_t)spec->k : SUMMARY_DOCUMENTS;

    deep.k = spec->k > DEEP ? spec->k : DEEP;
    deep.collapse = false;
    deep.diversity = 0;
    if (snap->summaries)
        search_candidates(snap->summaries, &deep, NULL, mem, &summaries);
    search_candidates(snap, &deep, NULL, mem, &chunks);
    d.cap = summaries.n + chunks.n;
    d.v = ARENA_ARRAY(mem, struct document, d.cap);
    add_found(&d, snap->summaries, &summaries);
    n_summaries = d.n;
    add_found(&d, snap, &chunks);
    for (size_t i = n_summaries; i < d.n; i++)
        d.v[i].is_spare = has_summary(snap, d.v[i].key);
    qsort(d.v, d.n, sizeof *d.v, by_score);
    d.n = d.n < wanted ? d.n : wanted;
    return d;
}

static const uint64_t **chunks_of(const struct snapshot *snap, const struct documents *d,
                                  struct arena *mem)
{
    uint64_t **bits = ARENA_ARRAY(mem, uint64_t *, snap->n_views);

    for (size_t i = 0; i < snap->n_views; i++)
        bits[i] = ARENA_ARRAY(mem, uint64_t, bitmap_words(snap->views[i].segment->n_chunks));
    for (size_t i = 0; i < d->n; i++) {
        size_t view;
        uint32_t place;

        if (find_living(snap, d->v[i].key, &view, &place)) {
            const uint32_t *first = snap->views[view].segment->first_chunk;

            bitmap_set_range(bits[view], first[place], first[place + 1]);
        }
    }
    return (const uint64_t **)bits;
}

void summaries_search(const struct snapshot *snap, const struct search_spec *spec,
                      struct arena *mem, struct hits *out)
{
    struct search_spec by = *spec;
    struct documents d;

    by.mode = spec->vector ? SEARCH_HYBRID : SEARCH_KEYWORD;
    d = choose(snap, &by, mem);
    search_hits(snap, &by, chunks_of(snap, &d, mem), mem, out);
    out->plan.n_documents = d.n;
}
