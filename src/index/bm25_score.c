#include <math.h>

#include "index/bm25_parts.h"

double bm25_idf(uint64_t n_chunks, uint64_t df)
{
    return log(1 + ((double)n_chunks - (double)df + 0.5) / ((double)df + 0.5));
}

static uint32_t count(const uint32_t *v, size_t n, uint32_t term)
{
    uint32_t times = 0;

    for (size_t i = 0; i < n; i++)
        times += v[i] == term;
    return times;
}

float bm25_score(const struct bm25 *b, const struct bm25_query *q, uint32_t slot)
{
    struct bm25_curve curve = bm25_curve_of(&q->norm);
    size_t n;
    const uint32_t *sequence = bm25_sequence(b, slot, &n);
    double sum = 0;

    for (size_t i = 0; i < q->n; i++) {
        uint32_t tf;

        if (q->terms[i] == BM25_NONE || q->weights[i] <= 0)
            continue;
        tf = count(sequence, n, q->terms[i]);
        if (tf)
            sum += q->weights[i] * bm25_impact(&curve, tf, b->length[slot]);
    }
    return (float)sum;
}

void bm25_search_all(const struct bm25 *b, const struct bm25_query *q,
                     const struct bm25_chunks *chunks, struct topk *best)
{
    for (uint32_t slot = 0; slot < b->n_chunks; slot++) {
        float score;

        if (!bm25_may_answer(chunks, slot))
            continue;
        score = bm25_score(b, q, slot);
        if (score > 0)
            topk_push(best, (struct candidate){score, chunks->view, slot, chunks->chunk_id[slot]});
    }
}
