#include "index/fusion.h"

#include <math.h>

/* Chunks of both lists, each once: the first list as it is, the second looked up in it. */
struct joined {
    struct fused *v;
    size_t n;
    uint32_t *table; /* [mask + 1] place + 1 by chunk id, 0 where free */
    size_t mask;
};

static struct fused *joined_slot(struct joined *j, const struct candidate *c)
{
    size_t i = (c->chunk_id * 0x9e3779b97f4a7c15u) >> 32 & j->mask;

    for (; j->table[i]; i = (i + 1) & j->mask)
        if (j->v[j->table[i] - 1].at.chunk_id == c->chunk_id)
            return &j->v[j->table[i] - 1];
    j->v[j->n] = (struct fused){*c, NAN, NAN, 0, 0, 0};
    j->table[i] = (uint32_t)++j->n;
    return &j->v[j->n - 1];
}

static struct joined join(const struct topk *vectors, const struct topk *words, struct arena *mem)
{
    size_t n = vectors->n + words->n, cap = 16;
    struct joined j = {.v = arena_alloc(mem, n * sizeof *j.v)};

    while (cap < 2 * n)
        cap *= 2;
    j.mask = cap - 1;
    j.table = ARENA_ARRAY(mem, uint32_t, cap);
    for (size_t i = 0; i < vectors->n; i++) {
        struct fused *f = joined_slot(&j, &vectors->v[i]);

        f->vector_score = vectors->v[i].score;
        f->vector_rank = (uint32_t)i + 1;
    }
    for (size_t i = 0; i < words->n; i++) {
        struct fused *f = joined_slot(&j, &words->v[i]);

        f->keyword_score = words->v[i].score;
        f->keyword_rank = (uint32_t)i + 1;
    }
    return j;
}

/* A score as a share of the list's best; 0 for a chunk that the list does not have, and for a
 * cosine below 0. */
static double share_of_best(const struct topk *list, float score)
{
    if (isnan(score) || score <= 0 || list->n == 0)
        return 0;
    return (double)score / list->v[0].score;
}

double fusion_keyword_weight(size_t n_words)
{
    size_t missing = n_words < FUSION_WORDS_FULL ? FUSION_WORDS_FULL - n_words : 0;

    return FUSION_KEYWORD_WEIGHT - FUSION_WEIGHT_A_WORD * (double)missing;
}

static double reciprocal(uint32_t rank)
{
    return rank ? 1.0 / (FUSION_RRF_K + rank) : 0;
}

size_t fusion(enum search_fusion how, const struct fusion_lists *lists, size_t k, struct arena *mem,
              struct fused **out)
{
    const struct topk *vectors = lists->vectors, *words = lists->words;
    double by_words = fusion_keyword_weight(lists->n_words);
    struct joined j = join(vectors, words, mem);
    struct topk best;

    if (how == FUSION_MIX && lists->complete)
        lists->complete(lists->arg, j.v, j.n);
    topk_init(&best, k, mem);
    for (size_t i = 0; i < j.n; i++) {
        const struct fused *f = &j.v[i];
        double score = how == FUSION_RRF
                           ? reciprocal(f->vector_rank) + reciprocal(f->keyword_rank)
                           : by_words * share_of_best(words, f->keyword_score) +
                                 (1 - by_words) * share_of_best(vectors, f->vector_score);

        topk_push(&best, (struct candidate){(float)score, 0, (uint32_t)i, f->at.chunk_id});
    }
    topk_sort(&best);
    *out = arena_alloc(mem, best.n * sizeof **out);
    for (size_t i = 0; i < best.n; i++) {
        (*out)[i] = j.v[best.v[i].slot];
        (*out)[i].at.score = best.v[i].score;
    }
    return best.n;
}
