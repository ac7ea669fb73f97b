#include "base/fair_queue.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "support/figure.h"

static int items[16];

static void *take(struct fair_queue *q)
{
    void *item = NULL;

    cr_assert(fair_queue_take(q, &item));
    return item;
}

Test(fair_queue, one_flow_alone_is_first_in_first_out)
{
    struct fair_queue *q = fair_queue_new(4);

    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < 11; i++)
            fair_queue_add(q, 7, &items[i]);
        for (int i = 0; i < 11; i++)
            cr_expect_eq(take(q), &items[i]);
    }
    fair_queue_free(q);
}

Test(fair_queue, flows_take_turns)
{
    static const int order[] = {0, 4, 6, 1, 5, 2, 3};
    struct fair_queue *q = fair_queue_new(16);
    void *item;

    for (int i = 0; i < 4; i++)
        fair_queue_add(q, 1, &items[i]);
    fair_queue_add(q, 2, &items[4]);
    fair_queue_add(q, 2, &items[5]);
    fair_queue_add(q, 3, &items[6]);
    cr_expect_eq(fair_queue_depth(q), 7);
    cr_expect_eq(fair_queue_flows(q), 3);
    for (int i = 0; i < 7; i++)
        cr_expect_eq(take(q), &items[order[i]], "place %d", i);
    cr_expect(!fair_queue_take(q, &item));
    fair_queue_free(q);
}

Test(fair_queue, who_asks_one_at_a_time_waits_for_one_of_another)
{
    struct fair_queue *q = fair_queue_new(256);

    for (int i = 0; i < 64; i++)
        fair_queue_add(q, 1, &items[0]);
    for (int i = 0; i < 20; i++) {
        fair_queue_add(q, 2, &items[1]);
        cr_expect_eq(take(q), &items[0]);
        cr_expect_eq(take(q), &items[1], "second at the latest");
    }
    fair_queue_free(q);
}

Test(fair_queue, one_alone_may_fill_it_and_the_next_still_has_its_share)
{
    struct fair_queue *q = fair_queue_new(8);

    for (int i = 0; i < 8; i++) {
        cr_expect_eq(fair_queue_excess(q, 1), 0);
        fair_queue_add(q, 1, &items[0]);
    }
    cr_expect_eq(fair_queue_excess(q, 1), 1);
    for (int i = 0; i < 4; i++) {
        cr_expect_eq(fair_queue_excess(q, 2), 0);
        fair_queue_add(q, 2, &items[1]);
    }
    cr_expect_eq(fair_queue_excess(q, 2), 1, "half of it");
    cr_expect_eq(fair_queue_excess(q, 1), 5, "until it is down to its half");
    cr_expect_eq(fair_queue_excess(q, 3), 0);
    fair_queue_free(q);
}

Test(fair_queue, more_flows_than_room_have_one_each)
{
    struct fair_queue *q = fair_queue_new(2);

    for (uint64_t flow = 1; flow <= 100; flow++) {
        cr_expect_eq(fair_queue_excess(q, flow), 0);
        fair_queue_add(q, flow, &items[0]);
        cr_expect_eq(fair_queue_excess(q, flow), flow == 1 ? 0 : 1);
    }
    cr_expect_eq(fair_queue_depth(q), 100);
    fair_queue_free(q);
}

/* ---- a plain model: flows in a list, each with its items in an array ---- */

#define MODEL_FLOWS 24
#define MODEL_ITEMS 4096

struct model_flow {
    uint64_t id;
    size_t n;
    void *items[MODEL_ITEMS];
};

struct model {
    size_t cap, n_flows;
    struct model_flow *round[MODEL_FLOWS];
};

static size_t place_of(const struct model *m, uint64_t id)
{
    size_t i = 0;

    while (i < m->n_flows && m->round[i]->id != id)
        i++;
    return i;
}

static size_t model_excess(const struct model *m, uint64_t id)
{
    size_t i = place_of(m, id), n = i < m->n_flows ? m->round[i]->n : 0;
    size_t share = m->cap / (m->n_flows + (i == m->n_flows));

    share = share ? share : 1;
    return n < share ? 0 : n - share + 1;
}

static void model_add(struct model *m, uint64_t id, void *item)
{
    size_t i = place_of(m, id);

    if (i == m->n_flows) {
        m->round[m->n_flows++] = calloc(1, sizeof(struct model_flow));
        m->round[i]->id = id;
    }
    cr_assert_lt(m->round[i]->n, MODEL_ITEMS);
    m->round[i]->items[m->round[i]->n++] = item;
}

static void *model_take(struct model *m)
{
    struct model_flow *f = m->round[0];
    void *item = f->items[0];

    memmove(f->items, f->items + 1, --f->n * sizeof *f->items);
    memmove(m->round, m->round + 1, --m->n_flows * sizeof(struct model_flow *));
    if (f->n)
        m->round[m->n_flows++] = f;
    else
        free(f);
    return item;
}

static unsigned seed_of_run(void)
{
    const char *s = getenv("RAGD_SEED");

    return s ? (unsigned)strtoul(s, NULL, 10) : (unsigned)time(NULL);
}

Test(fair_queue, random_operations_are_those_of_the_plain_model)
{
    unsigned first = seed_of_run(), seed = first;
    int n = getenv("RAGD_LONG") ? 1000000 : 100000;
    struct fair_queue *q = fair_queue_new(40);
    struct model m = {.cap = 40};
    uintptr_t next = 1;

    printf("# seed %u (RAGD_SEED)\n", seed);
    for (int i = 0; i < n; i++) {
        uint64_t flow = rand_r(&seed) % (i / 1000 % MODEL_FLOWS + 1);
        bool force = rand_r(&seed) % 16 == 0;
        bool fills = i / 300 % 2; /* it grows for a while, then it empties */

        if (rand_r(&seed) % 8 < (fills ? 5 : 3)) {
            size_t excess = fair_queue_excess(q, flow);

            cr_assert_eq(excess, model_excess(&m, flow), "operation %d", i);
            if (excess && !force)
                continue;
            fair_queue_add(q, flow, (void *)next);
            model_add(&m, flow, (void *)next++);
        } else if (m.n_flows) {
            cr_assert_eq(take(q), model_take(&m), "operation %d", i);
        }
        cr_assert_eq(fair_queue_flows(q), m.n_flows, "operation %d", i);
    }
    while (m.n_flows)
        cr_assert_eq(take(q), model_take(&m));
    cr_expect_eq(fair_queue_depth(q), 0);
    fair_queue_free(q);
    figure("R13 | fair queue against a plain model, %d operations, seed %u | 0 differences", n,
           first);
}
