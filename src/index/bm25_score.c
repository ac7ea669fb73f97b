#include <math.h>

#include "index/bm25_parts.h"
#include "simd/simd.h"

double bm25_idf(uint64_t n_chunks, uint64_t df)
{
    return log(1 + ((double)n_chunks - (double)df + 0.5) / ((double)df + 0.5));
}

struct bm25_scorer bm25_scorer_of(const struct bm25 *b, const struct bm25_query *q,
                                  struct arena *mem)
{
    size_t room = (q->n + SIMD_EACH - 1) / SIMD_EACH * SIMD_EACH;
    struct bm25_scorer s = {
        .b = b, .curve = bm25_curve_of(&q->norm), .count_each = simd_get()->count_each};

    s.terms = arena_alloc(mem, room * sizeof *s.terms);
    s.weights = arena_alloc(mem, q->n * sizeof *s.weights);
    for (size_t i = 0; i < q->n; i++)
        if (q->terms[i] != BM25_NONE && q->weights[i] > 0) {
            s.terms[s.n] = q->terms[i];
            s.weights[s.n++] = q->weights[i];
        }
    for (size_t i = s.n; i < room; i++)
        s.terms[i] = BM25_NONE;
    return s;
}

float bm25_score_of(const struct bm25_scorer *s, uint32_t slot)
{
    const struct bm25_text *text = &s->b->texts[slot];
    double sum = 0;

    for (size_t first = 0; first < s->n; first += SIMD_EACH) {
        uint32_t tf[SIMD_EACH];

        s->count_each(s->b->sequences + text->start, text->n, s->terms + first, tf);
        for (size_t i = first; i < s->n && i < first + SIMD_EACH; i++)
            if (tf[i - first])
                sum += s->weights[i] * bm25_impact(&s->curve, tf[i - first], text->length);
    }
    return (float)sum;
}

void bm25_search_all(const struct bm25 *b, const struct bm25_query *q,
                     const struct bm25_chunks *chunks, struct arena *mem, struct topk *best)
{
    struct bm25_scorer s = bm25_scorer_of(b, q, mem);

    for (uint32_t slot = 0; slot < b->n_chunks; slot++) {
        float score;

        if (!bm25_may_answer(chunks, slot))
            continue;
        score = bm25_score_of(&s, slot);
        if (score > 0)
            topk_push(best, (struct candidate){score, chunks->view, slot, chunks->chunk_id[slot]});
    }
}
