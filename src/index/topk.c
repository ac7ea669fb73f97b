#include "index/topk.h"

#include <stdbool.h>

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

/* Puts c where the root was, in a heap of n. */
static void sift_down(struct topk *t, size_t n, struct candidate c)
{
    size_t i = 0;

    for (;;) {
        size_t child = 2 * i + 1;

        if (child >= n)
            break;
        if (child + 1 < n && is_worse(&t->v[child + 1], &t->v[child]))
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
        sift_down(t, t->n, c);
}

/* The worst of what is left goes to the end. */
void topk_sort(struct topk *t)
{
    for (size_t n = t->n; n > 1; n--) {
        struct candidate last = t->v[n - 1];

        t->v[n - 1] = t->v[0];
        sift_down(t, n - 1, last);
    }
}
