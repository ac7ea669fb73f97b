#include "index/retriever.h"

#include <math.h>
#include <string.h>

#include "base/check.h"
#include "base/err.h"
#include "base/mem.h"
#include "index/bitmap.h"
#include "index/columns.h"
#include "index/filter.h"
#include "index/search.h"
#include "index/summaries.h"

/* One search: what its steps share. */
struct search {
    const struct snapshot *snap;
    const struct search_spec *spec;
    struct arena *mem;
    const uint64_t *const *within; /* [n_views] bitmaps; NULL: all */
    size_t n_candidates;           /* a list's length */
    const uint64_t **allowed;      /* [n_views] bitmaps; NULL: all */
    size_t n_allowed;
    struct topk vectors, words; /* best first */
    size_t n_words;             /* different words of the question */
    struct search_plan plan;
};

const char *search_plan_name(enum vector_plan plan)
{
    static const char *const names[] = {NULL, "flat", "filtered-scan", "graph", "filtered-walk"};

    return names[plan];
}

/* ---- who may answer ---- */

static void intersect(uint64_t *bits, const uint64_t *others, size_t n_bits)
{
    for (size_t i = 0; i < bitmap_words(n_bits); i++)
        bits[i] &= others[i];
}

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
        else if (v->dead || q->within)
            bits = all_set(n, q->mem);
        if (q->within)
            intersect(bits, q->within[i], n);
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
        q->plan.n_visited += allowed ? bitmap_count(allowed, s->n_chunks) : s->n_chunks;
    }
    topk_sort(&q->vectors);
    q->plan.by_vector = q->spec->filter || q->within ? PLAN_FILTERED_SCAN : PLAN_FLAT;
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

/* Every chunk's sum for one view, 0 for chunks with none of the words; NULL when there are none. */
static float *sum_view(const struct search *s, const struct question *q, const float *weights,
                       const struct bm25 *words)
{
    const struct snapshot *snap = s->snap;
    struct bm25_norm norm = {snap->context->k1, snap->context->b,
                             snap->n_chunks ? (double)snap->n_words / (double)snap->n_chunks : 0};
    float *sums = NULL;

    for (uint32_t w = 0; w < dict_count(q->words); w++) {
        uint32_t term;

        if (weights[w] <= 0 || !dict_find(words->terms, dict_at(q->words, w), &term))
            continue;
        if (!sums)
            sums = ARENA_ARRAY(s->mem, float, words->n_chunks);
        bm25_accumulate(words, term, weights[w], &norm, sums);
    }
    return sums;
}

static void offer_sums(struct search *s, uint32_t i_view, const float *sums)
{
    const struct segment *seg = s->snap->views[i_view].segment;
    const uint64_t *allowed = s->allowed[i_view];
    struct topk *best = &s->words;

    for (uint32_t i = 0; i < seg->n_chunks; i++)
        if (sums[i] > 0 && sums[i] >= topk_threshold(best) && (!allowed || bitmap_get(allowed, i)))
            topk_push(best, (struct candidate){sums[i], i_view, i, seg->chunk_id[i]});
}

static void search_words(struct search *s)
{
    struct question q;
    float *weights;

    topk_init(&s->words, s->n_candidates, s->mem);
    analyze_question(s, &q);
    s->n_words = dict_count(q.words);
    weights = ARENA_ARRAY(s->mem, float, dict_count(q.words));
    for (uint32_t w = 0; w < dict_count(q.words); w++) {
        uint64_t df = snapshot_df(s->snap, dict_at(q.words, w));

        weights[w] = df ? (float)(q.times[w] * bm25_idf(s->snap->n_chunks, df)) : 0;
        s->plan.n_words_known += df > 0;
    }
    for (uint32_t i = 0; i < s->snap->n_views; i++) {
        float *sums = sum_view(s, &q, weights, s->snap->views[i].segment->words);

        if (sums)
            offer_sums(s, i, sums);
    }
    topk_sort(&s->words);
    s->plan.n_words = s->n_words;
    s->plan.n_word_candidates = s->words.n;
    dict_free(q.words);
    mem_free(q.times);
}

/* ---- the answer ---- */

static struct hit hit_of(const struct snapshot *snap, const struct fused *f)
{
    const struct segment *seg = snap->views[f->at.view].segment;
    uint32_t document = seg->document[f->at.slot];

    return (struct hit){.chunk_id = f->at.chunk_id,
                        .document_id = seg->document_id[document],
                        .version = seg->version[document],
                        .score = f->at.score,
                        .vector_score = f->vector_score,
                        .keyword_score = f->keyword_score,
                        .duplicates = f->duplicates};
}

/* One list alone, as if it had been fused. */
static size_t as_fused(const struct topk *list, bool by_vector, struct arena *mem,
                       struct fused **out)
{
    *out = ARENA_ARRAY(mem, struct fused, list->n);
    for (size_t i = 0; i < list->n; i++) {
        float score = list->v[i].score;

        (*out)[i] = (struct fused){.at = list->v[i],
                                   .vector_score = by_vector ? score : NAN,
                                   .keyword_score = by_vector ? NAN : score};
    }
    return list->n;
}

/* The cosine of a chunk that only its words brought; NAN when it has no vector. */
static float cosine_of(const struct snapshot *snap, const struct search_spec *spec,
                       const struct candidate *c)
{
    const struct segment *seg = snap->views[c->view].segment;
    struct flat flat = segment_flat(seg);

    if (seg->no_vector && bitmap_get(seg->no_vector, c->slot))
        return NAN;
    return flat_score(&flat, spec->vector, c->slot);
}

static size_t fuse(struct search *s, struct fused **out)
{
    if (s->spec->mode == SEARCH_HYBRID)
        return fusion(s->spec->fusion, &s->vectors, &s->words, s->n_words, ranking_pool(s->spec),
                      s->mem, out);
    if (s->spec->mode == SEARCH_VECTOR)
        return as_fused(&s->vectors, true, s->mem, out);
    return as_fused(&s->words, false, s->mem, out);
}

void search_candidates(const struct snapshot *snap, const struct search_spec *spec,
                       const uint64_t *const *within, struct arena *mem, struct found *out)
{
    struct search s = {.snap = snap, .spec = spec, .mem = mem, .within = within};

    s.n_candidates = spec->mode == SEARCH_HYBRID ? ranking_depth(spec) : ranking_pool(spec);
    find_allowed(&s);
    if (spec->mode != SEARCH_KEYWORD)
        search_vectors(&s);
    if (spec->mode != SEARCH_VECTOR)
        search_words(&s);
    out->n = fuse(&s, &out->v);
    out->n_allowed = s.n_allowed;
    out->plan = s.plan;
}

/* The list ends somewhere, a passage's cosine does not depend on where: answers are judged by it.
 */
void search_hits(const struct snapshot *snap, const struct search_spec *spec,
                 const uint64_t *const *within, struct arena *mem, struct hits *out)
{
    struct found f;

    search_candidates(snap, spec, within, mem, &f);
    *out = (struct hits){.n_allowed = f.n_allowed, .plan = f.plan};
    out->n = ranking_apply(snap, spec, f.v, f.n, mem);
    out->v = ARENA_ARRAY(mem, struct hit, out->n);
    for (size_t i = 0; i < out->n; i++) {
        out->v[i] = hit_of(snap, &f.v[i]);
        if (spec->mode == SEARCH_HYBRID && isnan(f.v[i].vector_score))
            out->v[i].vector_score = cosine_of(snap, spec, &f.v[i].at);
    }
}

/* ---- summaries as hits ---- */

/* The best k of both, which are best first. */
static void merge_hits(struct hits *a, const struct hits *b, size_t k, struct arena *mem)
{
    struct hit *v = ARENA_ARRAY(mem, struct hit, a->n + b->n);
    size_t i = 0, j = 0, n = 0;

    while (n < k && (i < a->n || j < b->n))
        if (j == b->n || (i < a->n && a->v[i].score >= b->v[j].score))
            v[n++] = a->v[i++];
        else
            v[n++] = b->v[j++];
    a->v = v;
    a->n = n;
    a->n_allowed += b->n_allowed;
    a->plan.n_visited += b->plan.n_visited;
    a->plan.n_word_candidates += b->plan.n_word_candidates;
}

static void add_summaries(const struct snapshot *snap, const struct search_spec *spec,
                          struct arena *mem, struct hits *out)
{
    struct hits found;

    search_hits(snap->summaries, spec, NULL, mem, &found);
    merge_hits(out, &found, (size_t)spec->k, mem);
}

/* ---- the search ---- */

static int check_spec(const struct snapshot *snap, const struct search_spec *spec)
{
    float sum = 0;

    if (spec->k < 1 || spec->k > SEARCH_K_MAX)
        return FAIL(ERR_ARGUMENT, "k is %d; 1 to %d are possible", spec->k, SEARCH_K_MAX);
    if (!(spec->diversity >= 0 && spec->diversity <= 1))
        return FAIL(ERR_ARGUMENT, "diversity is %g; it must be from 0 to 1", spec->diversity);
    if (spec->mode == SEARCH_KEYWORD || (spec->mode == SEARCH_SUMMARY && !spec->vector))
        return ERR_OK;
    if (!spec->vector)
        return FAIL(ERR_ARGUMENT, "a search by vector needs the question's vector");
    for (size_t i = 0; i < snap->context->dim; i++)
        sum += spec->vector[i] * spec->vector[i];
    if (!isfinite(sum))
        return FAIL(ERR_ARGUMENT, "the question's vector holds numbers that are not finite");
    return ERR_OK;
}

int snapshot_search(struct snapshot *snap, const struct search_spec *spec, struct arena *mem,
                    struct hits *out)
{
    int rc = check_spec(snap, spec);

    if (rc < 0)
        return rc;
    if (spec->mode == SEARCH_SUMMARY) {
        summaries_search(snap, spec, mem, out);
        return ERR_OK;
    }
    search_hits(snap, spec, NULL, mem, out);
    if (snap->summaries && filter_names(spec->filter, STR_LIT("_kind")))
        add_summaries(snap, spec, mem, out);
    return ERR_OK;
}
