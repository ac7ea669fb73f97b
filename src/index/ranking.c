#include "index/ranking.h"

#include <string.h>

#include "index/bitmap.h"
#include "index/collapse.h"
#include "index/mmr.h"

size_t ranking_depth(const struct search_spec *spec)
{
    size_t depth = (size_t)spec->k * 4;

    return depth > FUSION_CANDIDATES ? depth : FUSION_CANDIDATES;
}

size_t ranking_pool(const struct search_spec *spec)
{
    return spec->collapse || spec->diversity > 0 ? ranking_depth(spec) : (size_t)spec->k;
}

/* What both steps need of the candidates. */
struct pool {
    const struct snapshot *snap;
    struct fused *v; /* [n] */
    size_t n;
    const float **vectors; /* [n] NULL: it has none */
    struct arena *mem;
};

static const float *vector_of(const struct snapshot *snap, const struct candidate *c)
{
    const struct segment *s = snap->views[c->view].segment;

    if (s->no_vector && bitmap_get(s->no_vector, c->slot))
        return NULL;
    return s->vectors + (size_t)c->slot * s->dim;
}

static void find_vectors(struct pool *p)
{
    p->vectors = ARENA_ARRAY(p->mem, const float *, p->n);
    for (size_t i = 0; i < p->n; i++)
        p->vectors[i] = vector_of(p->snap, &p->v[i].at);
}

/* Puts those at `order` first, in that order. */
static void reorder(struct pool *p, const uint32_t *order, size_t n)
{
    struct fused *old = arena_dup(p->mem, p->v, p->n * sizeof *old);

    for (size_t i = 0; i < n; i++)
        p->v[i] = old[order[i]];
    p->n = n;
}

/* Terms are numbered by segment, so they are compared as words. */
static const uint64_t *words_of(void *arg, size_t i, size_t *n)
{
    const struct pool *p = arg;
    const struct candidate *c = &p->v[i].at;
    const struct bm25 *b = p->snap->views[c->view].segment->words;
    uint32_t *terms = arena_alloc(p->mem, b->length[c->slot] * sizeof *terms);
    size_t n_terms = bm25_distinct(b, c->slot, terms);
    uint64_t *words = arena_alloc(p->mem, n_terms * sizeof *words);

    for (size_t w = 0; w < n_terms; w++)
        words[w] = collapse_word(dict_at(b->terms, terms[w]));
    *n = collapse_sort(words, n_terms);
    return words;
}

static void collapse_duplicates(struct pool *p)
{
    uint32_t *kept = ARENA_ARRAY(p->mem, uint32_t, p->n);
    uint32_t *duplicates = ARENA_ARRAY(p->mem, uint32_t, p->n);
    size_t n;

    find_vectors(p);
    n = collapse(p->vectors, p->n, p->snap->context->dim, words_of, p, p->mem, kept, duplicates);
    for (size_t i = 0; i < p->n; i++)
        p->v[i].duplicates = duplicates[i];
    reorder(p, kept, n);
}

static void diversify(struct pool *p, const struct search_spec *spec)
{
    uint32_t *order = ARENA_ARRAY(p->mem, uint32_t, p->n);
    double *scores = ARENA_ARRAY(p->mem, double, p->n);
    size_t n;

    find_vectors(p);
    for (size_t i = 0; i < p->n; i++)
        scores[i] = p->v[i].at.score;
    n = mmr(p->vectors, scores, p->n, p->snap->context->dim, 1 - spec->diversity, (size_t)spec->k,
            p->mem, order);
    reorder(p, order, n);
}

size_t ranking_apply(const struct snapshot *snap, const struct search_spec *spec, struct fused *v,
                     size_t n, struct arena *mem)
{
    struct pool p = {.snap = snap, .v = v, .n = n, .mem = mem};

    if (spec->collapse)
        collapse_duplicates(&p);
    if (spec->diversity > 0)
        diversify(&p, spec);
    return p.n < (size_t)spec->k ? p.n : (size_t)spec->k;
}
