#include "ingest/coming.h"

#include "support/two_models.h"

Test(coming, what_is_written_while_a_model_is_on_its_way_has_vectors_of_both)
{
    struct two_models t;
    struct embedder *next;

    two_models_open(&t);
    two_models_put(&t, 0, 2);
    cr_expect_eq(count_vectors(&t, &t.two), 0);
    next = open_tiny(&t.two);
    engine_set_coming(t.w.engine, next);
    two_models_put(&t, 2, 5);
    two_models_put(&t, 4, 5); /* again: unchanged */
    cr_expect_eq(count_vectors(&t, &t.one), 5);
    cr_expect_eq(count_vectors(&t, &t.two), 3);
    engine_set_coming(t.w.engine, NULL);
    two_models_put(&t, 5, 6);
    cr_expect_eq(count_vectors(&t, &t.two), 3);
    embedder_close(next);
    two_models_close(&t);
}

Test(coming, a_model_that_fails_keeps_no_document_out)
{
    struct two_models t;
    struct embedder *next;

    two_models_open(&t);
    tiny_find(&t.two, "encoder.layer.1.output.LayerNorm.bias")->v[0] = NAN;
    tiny_write_weights(&t.two, "F32");
    next = open_tiny(&t.two);
    engine_set_coming(t.w.engine, next);
    two_models_put(&t, 0, 3);
    cr_expect_eq(count_vectors(&t, &t.one), 3);
    cr_expect_eq(count_vectors(&t, &t.two), 0);
    engine_set_coming(t.w.engine, NULL);
    embedder_close(next);
    two_models_close(&t);
}

Test(coming, a_summary_gets_both_too)
{
    struct two_models t;
    struct embedder *next;
    char *text = long_text();

    two_models_open(&t);
    next = open_tiny(&t.two);
    engine_set_coming(t.w.engine, next);
    world_put(&t.w, "long", text, NULL);
    cr_expect_eq(count_missing(&t, &t.one), 0);
    cr_expect_eq(count_missing(&t, &t.two), 0);
    engine_set_coming(t.w.engine, NULL);
    embedder_close(next);
    mem_free(text);
    two_models_close(&t);
}
