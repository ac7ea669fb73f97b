#include <criterion/criterion.h>
#include <string.h>

#include "index/hnsw_parts.h"
#include "unit/index/vectors.h"

#define DIM 16
#define N   32

/* A ring: every node links to the next and the one before. */
struct ring {
    uint8_t codes[N * 64];
    uint32_t links[N * 4];
    struct walk_graph g;
    struct codes_query q;
    int8_t room[64];
};

static void ring_init(struct ring *r, uint32_t near)
{
    for (uint32_t i = 0; i < N; i++) {
        float v[DIM] = {cosf(6.2831853f * (float)i / N), sinf(6.2831853f * (float)i / N)};

        if (i == near)
            r->q = codes_query(v, DIM, r->room);
        for (size_t j = 0; j < DIM; j++)
            v[j] *= 0.7f;
        codes_encode(v, DIM, r->codes + i * 64);
        r->links[i * 4] = (i + 1) % N;
        r->links[i * 4 + 1] = (i + N - 1) % N;
        r->links[i * 4 + 2] = r->links[i * 4 + 3] = HNSW_NONE;
    }
    r->g = (struct walk_graph){r->codes, r->links, 4, 64, N};
}

Test(hnsw_walk, follows_the_ring_to_the_nearest)
{
    static struct ring r;
    struct walk *w = walk_new(N);

    ring_init(&r, 12);
    for (int again = 0; again < 600; again++) { /* epochs wrap */
        walk_start(w, 5);
        walk_seed(w, 3, walk_score(&r.g, &r.q, 3));
        walk_run(w, &r.g, &r.q, 5);
        cr_assert_eq(w->n, 5);
        cr_assert_eq(w->beam[0].node & WALK_NODE, 12);
        for (size_t i = 1; i < 5; i++)
            cr_assert_geq(w->beam[i - 1].score, w->beam[i].score);
        cr_assert_lt(w->visited, N);
    }
    walk_free(w);
    walk_free(NULL);
}

Test(hnsw_walk, climbs_to_the_best_neighbour)
{
    static struct ring r;
    struct walk *w = walk_new(N);
    uint32_t node = 8;
    int32_t score;

    ring_init(&r, 12);
    score = walk_score(&r.g, &r.q, node);
    walk_start(w, 1);
    walk_climb(w, &r.g, &r.q, &node, &score);
    cr_expect_eq(node, 12);
    cr_expect_eq(score, walk_score(&r.g, &r.q, 12));
    walk_free(w);
}

Test(hnsw_walk, keeps_what_a_filter_allows_and_gives_up_when_told)
{
    static struct ring r;
    struct walk *w = walk_new(N);
    uint32_t slot_of[N];
    uint64_t allowed = 0x5555555555555555; /* even slots */
    struct walk_filter f = {&allowed, slot_of, 20, 1000};

    ring_init(&r, 12);
    for (uint32_t i = 0; i < N; i++)
        slot_of[i] = i;
    walk_start(w, 20);
    walk_seed(w, 3, walk_score(&r.g, &r.q, 3));
    cr_expect(walk_run_filtered(w, &r.g, &r.q, 3, &f));
    cr_assert_eq(w->n_kept, 3);
    cr_expect_eq(w->kept[0].node, 12);
    for (size_t i = 0; i < 3; i++)
        cr_expect_eq(w->kept[i].node % 2, 0);
    f.max_visited = 4;
    walk_start(w, 20);
    walk_seed(w, 28, walk_score(&r.g, &r.q, 28));
    cr_expect_not(walk_run_filtered(w, &r.g, &r.q, 3, &f));
    walk_free(w);
}
