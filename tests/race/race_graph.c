/* race_graph.c - a graph searched by several threads while another is built from it by several. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "unit/index/vectors.h"

#define DIM 16
#define N   600

static const struct hnsw *graph;
static float *vectors;
static atomic_bool stop;

static void *ask(void *arg)
{
    uint64_t allowed[(N + 63) / 64];
    size_t i = (size_t)arg;

    memset(allowed, 0x55, sizeof allowed);
    for (; !atomic_load(&stop); i++) {
        struct hnsw_query q = {vectors + i % N * DIM, vectors, 10, 20, NULL, 0, NULL, false};
        struct vector_hit out[10];

        q.allowed = i % 3 ? NULL : allowed;
        q.n_allowed = N / 2;
        CHECK(hnsw_search(graph, &q, out, NULL) == 10);
    }
    return NULL;
}

int main(void)
{
    struct hnsw_params p = hnsw_defaults();
    struct hnsw_input first, all;
    struct hnsw *old = NULL;
    pthread_t threads[3];
    uint32_t moved[N];

    vectors = vectors_of(0, 2 * N, DIM);
    first = (struct hnsw_input){vectors, NULL, N, DIM};
    all = (struct hnsw_input){vectors, NULL, 2 * N, DIM};
    p.n_threads = 3;
    CHECK(hnsw_build(&old, &first, NULL, &p) == 0);
    graph = old;
    for (size_t i = 0; i < 3; i++)
        pthread_create(&threads[i], NULL, ask, (void *)(i * 17));
    for (uint32_t i = 0; i < N; i++)
        moved[i] = i % 5 ? i : HNSW_GONE;
    for (int round = 0; round < 2; round++) {
        struct hnsw *next = NULL;

        CHECK(hnsw_build(&next, &all, &(struct hnsw_growth){old, moved}, &p) == 0);
        CHECK(hnsw_check(next) == 0);
        hnsw_free(next);
    }
    atomic_store(&stop, true);
    for (size_t i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    hnsw_free(old);
    mem_free(vectors);
    return 0;
}
