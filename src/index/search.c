#include "index/retriever.h"

#include <math.h>
#include <string.h>

#include "base/check.h"
#include "base/err.h"
#include "base/mem.h"
#include "index/bitmap.h"
#include "index/columns.h"
#include "index/fusion.h"
#include "index/snapshot.h"

/* One search: what its steps share. */
struct search {
    const struct snapshot *snap;
    const struct search_spec *spec;
    struct arena *mem;
    size_t n_candidates;      /* a list's length */
    const uint64_t **allowed; /* [n_views] bitmaps; NULL: all */
    size_t n_allowed;
    struct topk vectors, words; /* best first */
    size_t n_words;             /* different words of the question */
};

/* ---- who may answer ---- */

static void subtract(uint64_t *bits, const uint64_t *gone, size_t n_bits)
{
    for (size_t i = 0; i < bitmap_words(n_bits); i++)
        bits[i] &= ~gone[i];
}

static uint64_t *all_set(size_t n_bits, struct arena *mem)
{
    uint64_t *bits = arena_alloc(mem, bitmap_words(n_bits) * sizeof *bits);

    memset(bits, 0xff, bitmap_words(n_bits) * sizeof *bits);
    bitmap_trim(bits, n_bits);
    return bits;
}

static void find_allowed(struct search *q)
{
    q->allowed = ARENA_ARRAY(q->mem, const uint64_t *, q->snap->n_views);
    for (size_t i = 0; i < q->snap->n_views; i++) {
        const struct view *v = &q->snap->views[i];
        size_t n = v->segment->n_chunks;
        uint64_t *bits = NULL;

        if (q->spec->filter)
            bits = columns_filter(v->segment->columns, q->spec->filter, q->mem);
        else if (v->dead)
            bits = all_set(n, q->mem);
        if (v->dead)
            subtract(bits, v->dead->chunks, n);
        q->allowed[i] = bits;
        q->n_allowed += bits ? bitmap_count(bits, n) : n;
    }
}

/* ---- by meaning ---- */

static void search_vectors(struct search *q)
{
    topk_init(&q->vectors, q->n_candidates, q->mem);
    for (size_t i = 0; i < q->snap->n_views; i++) {
        const struct segment *s = q->snap->views[i].segment;
        struct flat flat = segment_flat(s);
        const uint64_t *allowed = q->allowed[i];

        if (s->no_vector) {
            uint64_t *bits = allowed ? arena_dup(q->mem, allowed, bitmap_words(s->n_chunks) * 8)
                                     : all_set(s->n_chunks, q->mem);

            subtract(bits, s->no_vector, s->n_chunks);
            allowed = bits;
        }
        flat_search(&flat, q->spec->vector, allowed, (uint32_t)i, &q->vectors);
    }
    topk_sort(&q->vectors);
}

/* ---- by words ---- */

/* The question's words: each once, with how often it stands there. */
struct question {
    struct dict *words;
    uint32_t *times;
    size_t cap;
};

static void count_question_word(void *arg, struct str word, uint32_t start, uint32_t end)
{
    struct question *q = arg;
    bool added;
    uint32_t id = dict_add(q->words, word, &added);

    (void)start, (void)end;
    if (added) {
        q->times = mem_grow(q->times, &q->cap, id + (size_t)1, sizeof *q->times);
        q->times[id] = 0;
    }
    q->times[id]++;
}

static void analyze_question(const struct search *s, struct question *q)
{
    struct word_analyzer *a = analyzers_get(s->snap->context->analyzers);

    *q = (struct question){.words = dict_new()};
    words_each(a, s->spec->text, count_question_word, q);
    analyzers_put(s->snap->context->analyzers, a);
}

/* The words in the terms of every view: terms [n_views, n], and their weights. */
static struct bm25_query weigh(const struct search *s, const struct question *q, uint32_t **terms)
{
    const struct snapshot *snap = s->snap;
    size_t n = dict_count(q->words);
    double *weights = arena_alloc(s->mem, n * sizeof *weights);

    *terms = arena_alloc(s->mem, snap->n_views * n * sizeof **terms);
    for (uint32_t w = 0; w < n; w++) {
        uint64_t df = snapshot_terms(snap, dict_at(q->words, w), *terms + w, n);

        weights[w] = df ? q->times[w] * bm25_idf(snap->n_chunks, df) : 0;
    }
    return (struct bm25_query){
        .weights = weights,
        .n = n,
        .norm = {snap->context->k1, snap->context->b,
                 snap->n_chunks ? (double)snap->n_words / (double)snap->n_chunks : 0}};
}

static void search_words(struct search *s)
{
    struct question q;
    struct bm25_query query;
    uint32_t *terms;

    topk_init(&s->words, s->n_candidates, s->mem);
    analyze_question(s, &q);
    s->n_words = dict_count(q.words);
    query = weigh(s, &q, &terms);
    for (uint32_t i = 0; i < s->snap->n_views; i++) {
        const struct segment *seg = s->snap->views[i].segment;
        struct bm25_chunks chunks = {s->allowed[i], NULL, seg->chunk_id, i};

        query.terms = terms + i * query.n;
        bm25_search(seg->words, &query, &chunks, s->mem, &s->words);
    }
    topk_sort(&s->words);
    dict_free(q.words);
    mem_free(q.times);
}

/* ---- the answer ---- */

static struct hit hit_of(const struct search *s, const struct candidate *c)
{
    const struct segment *seg = s->snap->views[c->view].segment;
    uint32_t document = seg->document[c->slot];

    return (struct hit){.chunk_id = c->chunk_id,
                        .document_id = seg->document_id[document],
                        .version = seg->version[document],
                        .score = c->score,
                        .vector_score = NAN,
                        .keyword_score = NAN,
                        .rerank_score = NAN};
}

static void hits_of_list(const struct search *s, const struct topk *list, struct hits *out)
{
    out->n = list->n < (size_t)s->spec->k ? list->n : (size_t)s->spec->k;
    out->v = ARENA_ARRAY(s->mem, struct hit, out->n);
    for (size_t i = 0; i < out->n; i++) {
        out->v[i] = hit_of(s, &list->v[i]);
        if (list == &s->vectors)
            out->v[i].vector_score = list->v[i].score;
        else
            out->v[i].keyword_score = list->v[i].score;
    }
}

/* The cosine of a chunk that only its words brought; NAN when it has no vector. */
static float cosine_of(const struct search *s, const struct candidate *c)
{
    const struct segment *seg = s->snap->views[c->view].segment;
    struct flat flat = segment_flat(seg);

    if (seg->no_vector && bitmap_get(seg->no_vector, c->slot))
        return NAN;
    return flat_score(&flat, s->spec->vector, c->slot);
}

/* The list ends somewhere, a passage's cosine does not depend on where: answers are judged by it.
 */
static void hits_of_both(struct search *s, struct hits *out)
{
    struct fused *v;

    out->n =
        fusion(s->spec->fusion, &s->vectors, &s->words, s->n_words, (size_t)s->spec->k, s->mem, &v);
    out->v = ARENA_ARRAY(s->mem, struct hit, out->n);
    for (size_t i = 0; i < out->n; i++) {
        out->v[i] = hit_of(s, &v[i].at);
        out->v[i].vector_score =
            isnan(v[i].vector_score) ? cosine_of(s, &v[i].at) : v[i].vector_score;
        out->v[i].keyword_score = v[i].keyword_score;
    }
}

static int check_spec(const struct snapshot *snap, const struct search_spec *spec)
{
    float sum = 0;

    if (spec->k < 1 || spec->k > SEARCH_K_MAX)
        return FAIL(ERR_ARGUMENT, "k is %d; 1 to %d are possible", spec->k, SEARCH_K_MAX);
    if (spec->mode == SEARCH_KEYWORD)
        return ERR_OK;
    if (!spec->vector)
        return FAIL(ERR_ARGUMENT, "a search by vector needs the question's vector");
    if (spec->model && !digest_eq(spec->model, &snap->context->fingerprint))
        return FAIL(ERR_GONE, "the model has changed");
    for (size_t i = 0; i < snap->context->dim; i++)
        sum += spec->vector[i] * spec->vector[i];
    if (!isfinite(sum))
        return FAIL(ERR_ARGUMENT, "the question's vector holds numbers that are not finite");
    return ERR_OK;
}

int snapshot_search(struct snapshot *snap, const struct search_spec *spec, struct arena *mem,
                    struct hits *out)
{
    struct search s = {.snap = snap, .spec = spec, .mem = mem};
    int rc = check_spec(snap, spec);

    if (rc < 0)
        return rc;
    s.n_candidates = (size_t)spec->k;
    if (spec->mode == SEARCH_HYBRID && s.n_candidates * 4 > FUSION_CANDIDATES)
        s.n_candidates *= 4;
    else if (spec->mode == SEARCH_HYBRID)
        s.n_candidates = FUSION_CANDIDATES;
    find_allowed(&s);
    if (spec->mode != SEARCH_KEYWORD)
        search_vectors(&s);
    if (spec->mode != SEARCH_VECTOR)
        search_words(&s);
    *out = (struct hits){.n_allowed = s.n_allowed};
    if (spec->mode == SEARCH_HYBRID)
        hits_of_both(&s, out);
    else
        hits_of_list(&s, spec->mode == SEARCH_VECTOR ? &s.vectors : &s.words, out);
    return ERR_OK;
}
