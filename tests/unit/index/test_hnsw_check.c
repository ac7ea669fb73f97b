#include <criterion/criterion.h>
#include <string.h>

#include "base/err.h"
#include "index/hnsw_parts.h"
#include "unit/index/vectors.h"

#define DIM 16

static struct hnsw *h;
static float *v;

static void setup(void)
{
    struct hnsw_input in;

    v = vectors_of(0, 400, DIM);
    in = (struct hnsw_input){v, NULL, 400, DIM};
    h = build_of(&in, 1);
    cr_assert_eq(hnsw_check(h), ERR_OK, "%s", err_text());
}

static void teardown(void)
{
    hnsw_free(h);
    mem_free(v);
}

static uint32_t *list(size_t level, size_t node)
{
    return (uint32_t *)h->level[level].links + node * h->level[level].degree;
}

static void expect_found(const char *what)
{
    cr_expect_eq(hnsw_check(h), ERR_FORMAT);
    cr_expect_not_null(strstr(err_text(), what), "%s", err_text());
}

Test(hnsw_check, finds_a_link_out_of_range, .init = setup, .fini = teardown)
{
    list(0, 7)[0] = 400;
    expect_found("node 7 of level 0 links to 400");
}

Test(hnsw_check, finds_a_node_that_is_its_own_neighbour, .init = setup, .fini = teardown)
{
    list(0, 7)[0] = 7;
    expect_found("links to itself");
}

Test(hnsw_check, finds_a_link_that_is_there_twice, .init = setup, .fini = teardown)
{
    list(0, 7)[1] = list(0, 7)[0];
    expect_found("links twice");
}

Test(hnsw_check, finds_a_gap, .init = setup, .fini = teardown)
{
    list(0, 7)[0] = HNSW_NONE;
    expect_found("gap");
}

Test(hnsw_check, finds_nodes_out_of_reach, .init = setup, .fini = teardown)
{
    memset(list(0, 0), 0xff, h->level[0].degree * 4);
    expect_found("1 of 400 nodes can be reached");
}

Test(hnsw_check, finds_maps_that_disagree, .init = setup, .fini = teardown)
{
    ((uint32_t *)h->slot_of)[3] = h->slot_of[4];
    expect_found("node 3 and its slot disagree");
}
