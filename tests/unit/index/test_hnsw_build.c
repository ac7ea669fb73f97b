#include <criterion/criterion.h>
#include <string.h>

#include "base/err.h"
#include "index/hnsw_build.h"
#include "unit/index/vectors.h"

#define DIM 32
#define N   3000

Test(hnsw_build, makes_a_sound_graph_that_finds_the_nearest)
{
    float *v = vectors_of(0, N, DIM);
    struct hnsw_input in = {v, NULL, N, DIM};

    for (int n_threads = 1; n_threads <= 3; n_threads += 2) {
        struct hnsw *h = build_of(&in, n_threads);

        cr_assert_not_null(h, "%s", err_text());
        cr_expect_eq(hnsw_check(h), ERR_OK, "%s", err_text());
        cr_expect_geq(recall_of(h, &in, NULL, 0, 64, 50), 0.98);
        hnsw_free(h);
    }
    mem_free(v);
}

Test(hnsw_build, on_one_thread_gives_the_same_graph_again)
{
    float *v = vectors_of(0, 1000, DIM);
    struct hnsw_input in = {v, NULL, 1000, DIM};
    struct hnsw *a = build_of(&in, 1), *b = build_of(&in, 1);

    for (size_t l = 0; l < a->n_levels; l++)
        cr_expect_eq(
            memcmp(a->level[l].links, b->level[l].links, a->level[l].n * a->level[l].degree * 4),
            0);
    cr_expect_eq(memcmp(a->slot_of, b->slot_of, 1000 * 4), 0);
    cr_expect_eq(memcmp(a->curve, b->curve, sizeof a->curve), 0);
    hnsw_free(a);
    hnsw_free(b);
    mem_free(v);
}

Test(hnsw_build, leaves_out_slots_without_a_vector)
{
    float *v = vectors_of(0, 1000, DIM);
    uint64_t absent[16] = {0};
    struct hnsw_input in = {v, absent, 1000, DIM};
    struct hnsw *h;

    for (size_t i = 0; i < 1000; i += 3) {
        bitmap_set(absent, i);
        memset(v + i * DIM, 0, DIM * sizeof *v);
    }
    h = build_of(&in, 1);
    cr_expect_eq(hnsw_check(h), ERR_OK, "%s", err_text());
    cr_expect_eq(hnsw_vectors(h), 666);
    cr_expect_geq(recall_of(h, &in, NULL, 0, 64, 50), 0.98);
    hnsw_free(h);
    memset(absent, 0xff, sizeof absent);
    h = build_of(&in, 1);
    cr_expect_eq(hnsw_vectors(h), 0);
    cr_expect_eq(hnsw_check(h), ERR_OK);
    hnsw_free(h);
    mem_free(v);
}

Test(hnsw_build, reaches_every_copy_of_a_vector)
{
    float *v = vectors_of(0, 1000, DIM);
    struct hnsw_input in = {v, NULL, 1000, DIM};
    struct hnsw *h;
    struct hnsw_query q = {v, v, 300, 400, NULL, 0, NULL, false};
    struct vector_hit out[300];
    size_t n_same = 0;

    for (size_t i = 300; i < 700; i++)
        memcpy(v + i * DIM, v, DIM * sizeof *v);
    h = build_of(&in, 1);
    cr_expect_eq(hnsw_check(h), ERR_OK, "%s", err_text());
    cr_expect_geq(recall_of(h, &in, NULL, 0, 64, 50), 0.98);
    cr_assert_eq(hnsw_search(h, &q, out, NULL), 300);
    for (size_t i = 0; i < 300; i++)
        n_same += out[i].score == out[0].score;
    cr_expect_geq(n_same, 285, "%zu", n_same);
    hnsw_free(h);
    for (size_t i = 0; i < 1000; i++)
        memcpy(v + i * DIM, v, DIM * sizeof *v);
    h = build_of(&in, 1);
    cr_expect_eq(hnsw_check(h), ERR_OK, "all are one: %s", err_text());
    hnsw_free(h);
    mem_free(v);
}

Test(hnsw_build, grows_over_an_older_graph)
{
    float *v = vectors_of(0, N, DIM);
    struct hnsw_input first = {v, NULL, 2000, DIM}, in = {v, NULL, N, DIM};
    struct hnsw *old = build_of(&first, 1), *h = NULL;
    uint32_t moved[2000];
    struct hnsw_growth g = {old, moved};
    struct hnsw_params p = hnsw_defaults();

    p.degree = 16;
    p.ef_construction = 48;
    for (uint32_t i = 0; i < 2000; i++)
        moved[i] = i;
    cr_assert_eq(hnsw_build(&h, &in, &g, &p), ERR_OK);
    cr_expect_eq(hnsw_check(h), ERR_OK, "%s", err_text());
    cr_expect_eq(hnsw_vectors(h), N);
    cr_expect_geq(recall_of(h, &in, NULL, 0, 64, 50), 0.98);
    cr_expect_eq(hnsw_check(old), ERR_OK, "the older one is as it was");
    hnsw_free(h);
    hnsw_free(old);
    mem_free(v);
}

Test(hnsw_build, grows_from_a_handful_to_many_levels)
{
    float *v = vectors_of(0, 2000, DIM);
    struct hnsw *h = NULL;
    uint32_t moved[2000];

    for (uint32_t i = 0; i < 2000; i++)
        moved[i] = i;
    for (size_t n = 1; n <= 2000; n = n * 5 / 3 + 1) {
        struct hnsw_input in = {v, NULL, n, DIM};
        struct hnsw_growth g = {h, moved};
        struct hnsw *next = NULL;

        cr_assert_eq(hnsw_build(&next, &in, h ? &g : NULL, NULL), ERR_OK);
        cr_assert_eq(hnsw_check(next), ERR_OK, "%zu: %s", n, err_text());
        hnsw_free(h);
        h = next;
    }
    cr_expect_gt(h->n_levels, 1);
    hnsw_free(h);
    mem_free(v);
}

Test(hnsw_build, says_what_is_over_a_limit)
{
    float v[DIM] = {1};
    struct hnsw_input in = {v, NULL, 1, DIM}, wide = {v, NULL, 1, HNSW_MAX_DIM + 1},
                      none = {v, NULL, 1, 0}, other = {v, NULL, 1, DIM - 1},
                      many = {v, NULL, HNSW_MAX_VECTORS + 1, DIM};
    struct hnsw *h = NULL, *old = build_of(&in, 1);
    struct hnsw_params p = hnsw_defaults();
    uint32_t moved = 0;
    struct hnsw_growth g = {old, &moved};

    cr_expect_eq(hnsw_build(&h, &wide, NULL, NULL), ERR_LIMIT);
    cr_expect_eq(hnsw_build(&h, &none, NULL, NULL), ERR_LIMIT);
    cr_expect_eq(hnsw_build(&h, &many, NULL, NULL), ERR_LIMIT);
    cr_expect_eq(hnsw_build(&h, &other, &g, NULL), ERR_ARGUMENT);
    p.degree = 6;
    cr_expect_eq(hnsw_build(&h, &in, NULL, &p), ERR_LIMIT);
    p = hnsw_defaults();
    p.ef_construction = 5000;
    cr_expect_eq(hnsw_build(&h, &in, NULL, &p), ERR_LIMIT);
    p = hnsw_defaults();
    p.n_threads = 0;
    cr_expect_eq(hnsw_build(&h, &in, NULL, &p), ERR_LIMIT);
    cr_expect_null(h);
    hnsw_free(old);
}

Test(hnsw_build, can_be_stopped)
{
    float *v = vectors_of(0, 500, DIM);
    struct hnsw_input in = {v, NULL, 500, DIM};
    struct hnsw_params p = hnsw_defaults();
    atomic_bool stop = true;
    struct hnsw *h = NULL;

    p.stop = &stop;
    cr_expect_eq(hnsw_build(&h, &in, NULL, &p), ERR_CANCELLED);
    cr_expect_null(h);
    mem_free(v);
}
