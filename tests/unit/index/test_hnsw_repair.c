#include <criterion/criterion.h>

#include "base/err.h"
#include "index/hnsw_repair.h"
#include "unit/index/vectors.h"

#define DIM 16

/* A collection that changes: vector ids by slot. */
struct living {
    uint64_t *id;
    float *vectors;
    size_t n;
    uint64_t next;
    struct hnsw *graph;
};

static void renew(struct living *l, size_t n_delete, size_t n_insert, uint64_t *state)
{
    uint64_t *id = mem_alloc((l->n + n_insert) * sizeof *id);
    uint32_t *moved = mem_alloc((l->n + 1) * sizeof *moved);
    uint8_t *gone = mem_calloc(l->n + 1, 1);
    struct hnsw_params p = hnsw_defaults();
    struct hnsw *next = NULL;
    size_t n = 0;

    p.degree = 16;
    p.ef_construction = 48;
    for (size_t i = 0; i < n_delete;) {
        size_t slot = (size_t)((double)(test_random(state) + 1) / 2 * (double)l->n);

        if (slot < l->n && !gone[slot]) {
            gone[slot] = 1;
            i++;
        }
    }
    for (size_t i = 0; i < l->n; i++) {
        moved[i] = gone[i] ? HNSW_GONE : (uint32_t)n;
        if (!gone[i])
            id[n++] = l->id[i];
    }
    for (size_t i = 0; i < n_insert; i++)
        id[n++] = l->next++;
    mem_free(l->vectors);
    l->vectors = mem_alloc_aligned((n + 1) * DIM * sizeof *l->vectors);
    for (size_t i = 0; i < n; i++)
        vector_of(id[i], DIM, l->vectors + i * DIM);
    cr_assert_eq(hnsw_build(&next, &(struct hnsw_input){l->vectors, NULL, n, DIM},
                            l->graph ? &(struct hnsw_growth){l->graph, moved} : NULL, &p),
                 ERR_OK);
    hnsw_free(l->graph);
    mem_free(l->id);
    mem_free(moved);
    mem_free(gone);
    l->graph = next;
    l->id = id;
    l->n = n;
}

static double recall_now(const struct living *l)
{
    struct hnsw_input in = {l->vectors, NULL, l->n, DIM};

    return recall_of(l->graph, &in, NULL, 0, 64, 50);
}

static void forget(struct living *l)
{
    hnsw_free(l->graph);
    mem_free(l->id);
    mem_free(l->vectors);
}

/* 100,000 inserts and deletes in all. */
Test(hnsw_repair, keeps_recall_over_many_inserts_and_deletes, .timeout = 600)
{
    struct living l = {0};
    uint64_t state = 3;

    renew(&l, 0, 8000, &state);
    for (int round = 0; round < 17; round++) {
        renew(&l, 2700, 2700, &state);
        cr_assert_eq(hnsw_check(l.graph), ERR_OK, "round %d: %s", round, err_text());
        cr_assert_eq(hnsw_vectors(l.graph), 8000);
    }
    cr_expect_geq(recall_now(&l), 0.97, "%g", recall_now(&l));
    forget(&l);
}

Test(hnsw_repair, mends_a_graph_that_only_shrinks)
{
    struct living l = {0};
    uint64_t state = 4;

    renew(&l, 0, 3000, &state);
    while (l.n > 100) {
        renew(&l, l.n / 3, 0, &state);
        cr_assert_eq(hnsw_check(l.graph), ERR_OK, "%zu left: %s", l.n, err_text());
        cr_assert_geq(recall_now(&l), 0.97, "%zu left: %g", l.n, recall_now(&l));
    }
    renew(&l, l.n, 0, &state);
    cr_expect_eq(hnsw_vectors(l.graph), 0);
    renew(&l, 0, 50, &state);
    cr_expect_eq(hnsw_check(l.graph), ERR_OK, "%s", err_text());
    cr_expect_eq(hnsw_vectors(l.graph), 50);
    forget(&l);
}
