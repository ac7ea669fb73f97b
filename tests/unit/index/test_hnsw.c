#include <criterion/criterion.h>
#include <pthread.h>
#include <string.h>

#include "base/err.h"
#include "unit/index/vectors.h"

#define DIM 32

Test(hnsw, of_nothing_one_and_two_vectors_answers)
{
    float *v = vectors_of(0, 2, DIM);

    for (size_t n = 0; n <= 2; n++) {
        struct hnsw_input in = {v, NULL, n, DIM};
        struct hnsw *h = build_of(&in, 1);
        struct hnsw_query q = {v, v, 10, 10, NULL, 0, NULL, false};
        struct vector_hit out[10];

        cr_assert_not_null(h);
        cr_expect_eq(hnsw_check(h), ERR_OK, "%s", err_text());
        cr_expect_eq(hnsw_search(h, &q, out, NULL), n);
        cr_expect_eq(hnsw_scan(h, &q, out, NULL), n);
        cr_expect(n == 0 || out[0].slot == 0);
        cr_expect_eq(hnsw_vectors(h), n);
        hnsw_free(h);
    }
    mem_free(v);
}

Test(hnsw, knows_its_size)
{
    float *v = vectors_of(0, 300, 384);
    uint64_t absent[5] = {1};
    struct hnsw_input in = {v, absent, 300, 384};
    struct hnsw *h = NULL;

    cr_assert_eq(hnsw_build(&h, &in, NULL, NULL), ERR_OK);
    cr_expect_eq(hnsw_vectors(h), 299);
    cr_expect_eq(hnsw_slots(h), 300);
    cr_expect_eq(hnsw_dim(h), 384);
    cr_expect_leq(hnsw_bytes(h), 560 * 300);
    hnsw_free(h);
    mem_free(v);
    hnsw_free(NULL);
}

Test(hnsw, copied_answers_the_same)
{
    float *v = vectors_of(0, 800, DIM);
    struct hnsw_input in = {v, NULL, 800, DIM};
    struct hnsw *h = build_of(&in, 1), *copy = hnsw_copy(h);
    struct vector_hit a[30][10], b[30][10];

    for (size_t i = 0; i < 30; i++) {
        struct hnsw_query q = {v + i * DIM, v, 10, 20, NULL, 0, NULL, false};

        cr_assert_eq(hnsw_search(h, &q, a[i], NULL), 10);
    }
    cr_expect_eq(hnsw_ef_for(copy, 0.97f), hnsw_ef_for(h, 0.97f));
    hnsw_free(h);
    cr_expect_eq(hnsw_check(copy), ERR_OK, "%s", err_text());
    for (size_t i = 0; i < 30; i++) {
        struct hnsw_query q = {v + i * DIM, v, 10, 20, NULL, 0, NULL, false};

        hnsw_search(copy, &q, b[i], NULL);
    }
    cr_expect_eq(memcmp(a, b, sizeof a), 0);
    hnsw_free(copy);
    mem_free(v);
}

struct crowd {
    const struct hnsw *h;
    const float *vectors;
    struct vector_hit first[40][10];
    atomic_int differ;
};

static void *ask(void *arg)
{
    struct crowd *c = arg;

    for (int round = 0; round < 20; round++)
        for (size_t i = 0; i < 40; i++) {
            struct hnsw_query q = {c->vectors + i * DIM, c->vectors, 10, 20, NULL, 0, NULL, false};
            struct vector_hit got[10];

            hnsw_search(c->h, &q, got, NULL);
            if (memcmp(got, c->first[i], sizeof got) != 0)
                atomic_fetch_add(&c->differ, 1);
        }
    return NULL;
}

Test(hnsw, gives_every_thread_the_same)
{
    float *v = vectors_of(0, 1000, DIM);
    struct hnsw_input in = {v, NULL, 1000, DIM};
    struct crowd c = {.h = build_of(&in, 1), .vectors = v};
    pthread_t threads[4];

    for (size_t i = 0; i < 40; i++) {
        struct hnsw_query q = {v + i * DIM, v, 10, 20, NULL, 0, NULL, false};

        cr_assert_eq(hnsw_search(c.h, &q, c.first[i], NULL), 10);
    }
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, ask, &c);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    cr_expect_eq(c.differ, 0);
    hnsw_free((struct hnsw *)c.h);
    mem_free(v);
}
