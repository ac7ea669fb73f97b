#include "index/embedded_step.h"

#include "unit/index/embedded_fixture.h"

TestSuite(embedded_step, .init = setup, .fini = teardown);

static int refuse_after_making(struct store_tx *tx, void *arg)
{
    struct step *t = arg;

    (void)tx;
    cr_assert_eq(step_make(t, &(struct change){.epoch = 99}, NULL), ERR_OK);
    return FAIL(ERR_ARGUMENT, "changed its mind");
}

Test(embedded_step, one_that_is_rolled_back_was_never_there)
{
    struct step t = step_to(r, "t", "c");
    uint64_t epoch;

    put("a", "common frogs", 0);
    epoch = retriever_epoch(r, "t", "c");
    cr_expect_eq(store_write(store, refuse_after_making, NULL, &t), ERR_ARGUMENT);
    step_done(&t);
    cr_expect_eq(retriever_epoch(r, "t", "c"), epoch);
    cr_expect_eq(map_count(r->coming), 0);
    put("b", "common toads", 1);
    cr_expect_gt(retriever_epoch(r, "t", "c"), epoch);
}

static int make_stale_seal(struct store_tx *tx, void *arg)
{
    struct step *t = arg;
    struct segment_builder *b = segment_builder_new(DIM, 0, r->context->analyzers, NULL);
    struct saved_view view = {segment_finish(b), NULL};
    struct snapshot *base = snapshot_of_views(r->context, 1, &view, 1, NULL);
    struct seal seal[2] = {{base, 0, NULL}, {0}};
    int rc;

    (void)tx;
    rc = step_make(t, &(struct change){.seal = seal}, NULL);
    snapshot_unref(base);
    segment_unref(view.segment);
    return rc;
}

Test(embedded_step, views_that_are_gone_are_not_sealed)
{
    struct step t = step_to(r, "t", "c");

    put("a", "common frogs", 0);
    cr_expect_eq(store_write(store, make_stale_seal, NULL, &t), ERR_GONE);
    cr_expect(!t.made);
    step_done(&t);
    cr_expect_eq(map_count(r->coming), 0);
}
