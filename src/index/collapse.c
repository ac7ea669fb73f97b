#include "index/collapse.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/hash.h"
#include "simd/simd.h"

#define FIGURE 1u /* the lowest bit of a word that has a digit */

uint64_t collapse_word(struct str word)
{
    uint64_t h = hash64(word.p, word.n) & ~(uint64_t)FIGURE;

    for (size_t i = 0; i < word.n; i++)
        if (word.p[i] >= '0' && word.p[i] <= '9')
            return h | FIGURE;
    return h;
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

size_t collapse_sort(uint64_t *words, size_t n)
{
    size_t kept = 0;

    qsort(words, n, sizeof *words, by_value);
    for (size_t i = 0; i < n; i++)
        if (kept == 0 || words[i] != words[kept - 1])
            words[kept++] = words[i];
    return kept;
}

struct words {
    bool known;
    const uint64_t *v; /* ascending */
    size_t n;
};

struct candidates {
    const float *const *vectors;
    size_t dim;
    collapse_words_fn ask;
    void *arg;
    struct words *words; /* [n] */
};

static const struct words *words_of(struct candidates *c, size_t i)
{
    struct words *w = &c->words[i];

    if (!w->known)
        w->v = c->ask(c->arg, i, &w->n);
    w->known = true;
    return w;
}

/* Both lists step by step; a figure that only one of them has ends it. */
static bool same_words(const struct words *a, const struct words *b)
{
    size_t i = 0, j = 0, shared = 0;

    while (i < a->n || j < b->n) {
        bool from_a = j == b->n || (i < a->n && a->v[i] <= b->v[j]);
        bool from_b = i == a->n || (j < b->n && b->v[j] <= a->v[i]);
        uint64_t word = from_a ? a->v[i] : b->v[j];

        if (!(from_a && from_b) && (word & FIGURE))
            return false;
        shared += from_a && from_b;
        i += from_a;
        j += from_b;
    }
    return (double)shared >= COLLAPSE_WORDS * (double)(a->n + b->n - shared);
}

static bool same(struct candidates *c, size_t i, size_t j)
{
    const float *a = c->vectors[i], *b = c->vectors[j];

    if (a && b && simd_get()->dot(a, b, c->dim) < COLLAPSE_COSINE)
        return false;
    return same_words(words_of(c, i), words_of(c, j));
}

size_t collapse(const float *const *vectors, size_t n, size_t dim, collapse_words_fn words,
                void *arg, struct arena *mem, uint32_t *kept, uint32_t *duplicates)
{
    struct candidates c = {vectors, dim, words, arg, ARENA_ARRAY(mem, struct words, n)};
    size_t n_kept = 0;

    for (size_t i = 0; i < n; i++) {
        size_t k = 0;

        duplicates[i] = 0;
        while (k < n_kept && !same(&c, kept[k], i))
            k++;
        if (k < n_kept)
            duplicates[kept[k]]++;
        else
            kept[n_kept++] = (uint32_t)i;
    }
    return n_kept;
}
