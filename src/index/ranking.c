#include "index/ranking.h"

#include <stdlib.h>
#include <string.h>

#include "index/bitmap.h"
#include "index/collapse.h"
#include "index/lexical.h"
#include "index/mmr.h"

size_t ranking_depth(const struct search_spec *spec)
{
    size_t depth = (size_t)spec->k * 4;

    return depth > FUSION_CANDIDATES ? depth : FUSION_CANDIDATES;
}

size_t ranking_pool(const struct search_spec *spec)
{
    size_t least = ranking_is_lexical(spec) ? LEXICAL_CANDIDATES : 1;

    if (spec->collapse || spec->diversity > 0)
        return ranking_depth(spec);
    return (size_t)spec->k > least ? (size_t)spec->k : least;
}

/* ---- the order of words ---- */

static bool is_mixed(const struct search_spec *spec)
{
    return spec->mode == SEARCH_HYBRID && spec->fusion == FUSION_MIX;
}

bool ranking_is_lexical(const struct search_spec *spec)
{
    return is_mixed(spec) || spec->rerank == RERANK_LEXICAL;
}

static int best_first(const void *a, const void *b)
{
    const struct candidate *x = &((const struct fused *)a)->at, *y = &((const struct fused *)b)->at;

    if (x->score != y->score)
        return x->score > y->score ? -1 : 1;
    return (x->chunk_id > y->chunk_id) - (x->chunk_id < y->chunk_id);
}

/* View by view, because terms are numbered by segment. */
void ranking_lexical(const struct snapshot *snap, const struct search_spec *spec,
                     const struct question_words *q, struct fused *v, size_t n, struct arena *mem)
{
    struct lexical_question question = {q->order, q->n_order, q->idf, q->n};
    struct lexical *l = lexical_new(&question, mem);
    float scale = is_mixed(spec) || n == 0 ? 1 : v[0].at.score;

    n = n < LEXICAL_CANDIDATES ? n : LEXICAL_CANDIDATES;
    for (size_t i_view = 0; i_view < snap->n_views; i_view++) {
        const struct bm25 *words = snap->views[i_view].segment->words;

        lexical_terms(l, q->terms + i_view * q->n);
        for (size_t i = 0; i < n; i++) {
            size_t length;
            const uint32_t *sequence;

            if (v[i].at.view != i_view)
                continue;
            sequence = bm25_sequence(words, v[i].at.slot, &length);
            v[i].at.score += scale * (float)lexical_bonus(l, sequence, length);
        }
    }
    qsort(v, n, sizeof *v, best_first);
}

/* ---- duplicates, and what is new ---- */

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

/* The words of the text alone: a title names the year of a report, and the same notice in two
 * reports is the same. Terms are numbered by segment, so they are compared as words. */
static const uint64_t *words_of(void *arg, size_t i, size_t *n)
{
    const struct pool *p = arg;
    const struct candidate *c = &p->v[i].at;
    const struct bm25 *b = p->snap->views[c->view].segment->words;
    size_t n_terms, text;
    const uint32_t *terms = bm25_sequence(b, c->slot, &n_terms);
    uint64_t *words = arena_alloc(p->mem, n_terms * sizeof *words);

    for (text = n_terms; text > 0 && terms[text - 1] != BM25_BREAK;)
        text--;
    for (size_t t = text; t < n_terms; t++)
        words[t - text] = collapse_word(dict_at(b->terms, terms[t]));
    *n = collapse_sort(words, n_terms - text);
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
