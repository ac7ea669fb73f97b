#include "index/search.h"

#include <math.h>
#include <string.h>

#include "base/check.h"
#include "base/err.h"
#include "index/bitmap.h"
#include "index/columns.h"
#include "index/filter.h"
#include "index/question_words.h"
#include "index/summaries.h"

/* From so many chunks on a filter's bitmap is kept with its segment. */
#define KEPT_FROM 2048

/* The chunks of a view that may answer. */
struct allowed {
    const uint64_t *bits; /* NULL: all */
    size_t n;
};

/* One search: what its steps share. */
struct search {
    const struct snapshot *snap;
    const struct search_spec *spec;
    struct arena *mem;
    const uint64_t *const *within; /* [n_views] bitmaps; NULL: all */
    size_t n_candidates;           /* a list's length */
    struct allowed *allowed;       /* [n_views] */
    size_t n_allowed;
    struct str filter_name;         /* canonical; made when it is needed */
    struct topk vectors, words;     /* best first */
    struct question_words question; /* empty where the search looks at no words */
    struct search_plan plan;
    size_t n_planned; /* chunks of the view whose plan is told */
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

/* Of a large segment from the bitmaps that it keeps. */
static uint64_t *filtered(struct search *q, const struct segment *s)
{
    struct passing *p;
    uint64_t *bits;

    if (s->n_chunks < KEPT_FROM)
        return columns_filter(s->columns, q->spec->filter, q->mem);
    if (!q->filter_name.p)
        q->filter_name = str_of(filter_canonical(q->spec->filter, q->mem));
    p = filter_bits_get(s->filter_bits, s->columns, q->spec->filter, q->filter_name, q->mem);
    bits = arena_dup(q->mem, p->bits, bitmap_words(s->n_chunks) * sizeof *bits);
    passing_unref(p);
    return bits;
}

static void find_allowed(struct search *q)
{
    q->allowed = ARENA_ARRAY(q->mem, struct allowed, q->snap->n_views);
    for (size_t i = 0; i < q->snap->n_views; i++) {
        const struct view *v = &q->snap->views[i];
        size_t n = v->segment->n_chunks;
        uint64_t *bits = NULL;

        if (q->spec->filter)
            bits = filtered(q, v->segment);
        else if (v->dead || q->within)
            bits = all_set(n, q->mem);
        if (q->within)
            intersect(bits, q->within[i], n);
        if (v->dead)
            subtract(bits, v->dead->chunks, n);
        q->allowed[i] = (struct allowed){bits, bits ? bitmap_count(bits, n) : n};
        q->n_allowed += q->allowed[i].n;
    }
}

/* ---- by meaning ---- */

/* The walk goes through those that may not answer too, so from some share on it costs more than
 * looking at each that may. An estimate of the codes compared for each that is kept: it takes the
 * scan at 10 % of 40,000 and the walk at 50 %, as bench-search finds them faster. */
#define WALK_COST 24

/* A recall that is asked for, from which on a scan takes no short cut. */
#define EXACT_FROM 0.99

static bool scan_is_cheaper(const struct segment *s, const struct allowed *a, size_t ef)
{
    size_t n = hnsw_vectors(s->graph);

    return a->bits && (double)a->n * (double)a->n < (double)WALK_COST * (double)ef * (double)n;
}

/* The plan of the largest view stands for all: only small ones are searched otherwise. */
static void note_plan(struct search *q, enum vector_plan plan, const struct segment *s,
                      size_t n_visited)
{
    q->plan.n_visited += n_visited;
    if (s->n_chunks >= q->n_planned) {
        q->n_planned = s->n_chunks;
        q->plan.by_vector = plan;
    }
}

static size_t ef_of(const struct search *q, const struct segment *s)
{
    size_t ef = q->spec->ef > 0 ? (size_t)q->spec->ef : 0;

    if (q->spec->recall_target > 0)
        ef = hnsw_ef_for(s->graph, (float)q->spec->recall_target);
    return ef > q->n_candidates ? ef : q->n_candidates;
}

static size_t search_graph(struct search *q, const struct segment *s, const struct allowed *a,
                           struct vector_hit *out)
{
    size_t n;
    struct hnsw_query query = {.vector = q->spec->vector,
                               .vectors = s->vectors,
                               .k = q->n_candidates,
                               .ef = ef_of(q, s),
                               .allowed = a->bits,
                               .n_allowed = a->n,
                               .ids = s->chunk_id,
                               .exact = q->spec->recall_target > EXACT_FROM};
    struct hnsw_stats stats;
    bool scan = scan_is_cheaper(s, a, query.ef);

    n = scan ? hnsw_scan(s->graph, &query, out, &stats)
             : hnsw_search(s->graph, &query, out, &stats);
    note_plan(q,
              scan      ? PLAN_FILTERED_SCAN
              : a->bits ? PLAN_FILTERED_WALK
                        : PLAN_GRAPH,
              s, stats.visited);
    if (query.ef > q->plan.ef && !scan)
        q->plan.ef = query.ef;
    return n;
}

static size_t search_codes(struct search *q, const struct segment *s, const struct allowed *a,
                           struct vector_hit *out)
{
    struct flat_codes codes = segment_codes(s);
    const uint64_t *allowed = a->bits;

    if (s->no_vector) {
        uint64_t *bits = allowed ? arena_dup(q->mem, allowed, bitmap_words(s->n_chunks) * 8)
                                 : all_set(s->n_chunks, q->mem);

        subtract(bits, s->no_vector, s->n_chunks);
        allowed = bits;
    }
    note_plan(q, q->spec->filter || q->within ? PLAN_FILTERED_SCAN : PLAN_FLAT, s,
              allowed ? bitmap_count(allowed, s->n_chunks) : s->n_chunks);
    return flat_codes_search(&codes, q->spec->vector, allowed, q->n_candidates, out);
}

static void search_vectors(struct search *q)
{
    struct vector_hit *found = ARENA_ARRAY(q->mem, struct vector_hit, q->n_candidates);

    topk_init(&q->vectors, q->n_candidates, q->mem);
    for (size_t i = 0; i < q->snap->n_views; i++) {
        const struct segment *s = q->snap->views[i].segment;
        const struct allowed *a = &q->allowed[i];
        size_t n = s->graph ? search_graph(q, s, a, found) : search_codes(q, s, a, found);

        for (size_t h = 0; h < n; h++)
            topk_push(&q->vectors, (struct candidate){found[h].score, (uint32_t)i, found[h].slot,
                                                      s->chunk_id[found[h].slot]});
    }
    topk_sort(&q->vectors);
}

/* ---- by words ---- */

static void search_words(struct search *s)
{
    const struct snapshot *snap = s->snap;
    const struct question_words *q = &s->question;
    struct bm25_query query = {
        .weights = q->weights,
        .n = q->n,
        .norm = {snap->context->k1, snap->context->b,
                 snap->n_chunks ? (double)snap->n_words / (double)snap->n_chunks : 0}};

    topk_init(&s->words, s->n_candidates, s->mem);
    for (uint32_t i = 0; i < snap->n_views; i++) {
        const struct segment *seg = snap->views[i].segment;
        const struct allowed *a = &s->allowed[i];
        struct bm25_chunks chunks = {a->bits, a->n, NULL, seg->chunk_id, i};

        query.terms = q->terms + i * q->n;
        bm25_search(seg->words, &query, &chunks, s->mem, &s->words);
    }
    topk_sort(&s->words);
    s->plan.n_words = q->n;
    s->plan.n_words_known = q->n_known;
    s->plan.n_word_candidates = s->words.n;
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
                        .rerank_score = NAN,
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

/* The cosine of a chunk that only its words brought, or that was found by another vector; NAN when
 * it has none. */
static float cosine_of(const struct snapshot *snap, const struct search_spec *spec,
                       const struct candidate *c)
{
    const struct segment *seg = snap->views[c->view].segment;
    struct flat flat = segment_flat(seg);

    if (seg->no_vector && bitmap_get(seg->no_vector, c->slot))
        return NAN;
    return flat_score(&flat, spec->plain ? spec->plain : spec->vector, c->slot);
}

static bool lacks_cosine(const struct search *s, const struct fused *f)
{
    const struct segment *seg = s->snap->views[f->at.view].segment;

    return isnan(f->vector_score) && !(seg->no_vector && bitmap_get(seg->no_vector, f->at.slot));
}

/* The cosines of those that only the words brought: the vectors' list ends somewhere, and what is
 * just behind its end is no worse for it. Their vectors lie anywhere in memory, so all are asked
 * for before the first is read. */
static void add_cosines(void *arg, struct fused *v, size_t n)
{
    const struct search *s = arg;

    for (size_t i = 0; i < n; i++) {
        const struct segment *seg = s->snap->views[v[i].at.view].segment;

        if (lacks_cosine(s, &v[i]))
            __builtin_prefetch(seg->vectors + (size_t)v[i].at.slot * seg->dim);
    }
    for (size_t i = 0; i < n; i++) {
        struct flat flat = segment_flat(s->snap->views[v[i].at.view].segment);

        if (lacks_cosine(s, &v[i]))
            v[i].vector_score = flat_score(&flat, s->spec->vector, v[i].at.slot);
    }
}

static size_t fuse(struct search *s, struct fused **out)
{
    struct fusion_lists lists = {&s->vectors, &s->words, s->question.n_asked, add_cosines, s};

    if (s->spec->mode == SEARCH_HYBRID)
        return fusion(s->spec->fusion, &lists, ranking_pool(s->spec), s->mem, out);
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
    if (spec->mode != SEARCH_VECTOR || ranking_is_lexical(spec))
        question_words(snap, spec->text, mem, &s.question);
    if (spec->mode != SEARCH_KEYWORD)
        search_vectors(&s);
    if (spec->mode != SEARCH_VECTOR)
        search_words(&s);
    out->n = fuse(&s, &out->v);
    if (ranking_is_lexical(spec))
        ranking_lexical(snap, spec, &s.question, out->v, out->n, mem);
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
        if (spec->mode != SEARCH_KEYWORD && (spec->plain || isnan(f.v[i].vector_score)))
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
