#include "index/topk.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/check.h"

static bool is_worse(const struct candidate *a, const struct candidate *b)
{
    return a->score != b->score ? a->score < b->score : a->chunk_id > b->chunk_id;
}

void topk_init(struct topk *t, size_t k, struct arena *mem)
{
    CHECK(k > 0);
    *t = (struct topk){arena_alloc(mem, k * sizeof *t->v), 0, k};
}

static void sift_up(struct topk *t, size_t i, struct candidate c)
{
    while (i > 0 && is_worse(&c, &t->v[(i - 1) / 2])) {
        t->v[i] = t->v[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    t->v[i] = c;
}

static void sift_down(struct topk *t, struct candidate c)
{
    size_t i = 0;

    for (;;) {
        size_t child = 2 * i + 1;

        if (child >= t->n)
            break;
        if (child + 1 < t->n && is_worse(&t->v[child + 1], &t->v[child]))
            child++;
        if (!is_worse(&t->v[child], &c))
            break;
        t->v[i] = t->v[child];
        i = child;
    }
    t->v[i] = c;
}

void topk_push(struct topk *t, struct candidate c)
{
    if (t->n < t->k)
        sift_up(t, t->n++, c);
    else if (is_worse(&t->v[0], &c))
        sift_down(t, c);
}

static int best_first(const void *a, const void *b)
{
    return is_worse(a, b) ? 1 : -1;
}

void topk_sort(struct topk *t)
{
    qsort(t->v, t->n, sizeof *t->v, best_first);
}
