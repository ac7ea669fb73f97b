#include "ingest/embed_rows.h"

#include "support/two_models.h"

Test(embed_rows, fills_a_row_for_each_text_and_its_sentences)
{
    struct tiny_model m;
    struct embedder *e;
    struct arena *mem = arena_new(0), *scratch = arena_new(0);
    struct vector_row rows[2] = {0};
    struct todo todo[2] = {{&rows[0], STR_LIT("Abc def. Ghi jkl."), mem},
                           {&rows[1], STR_LIT("mno"), mem}};

    tiny_open(&m);
    e = open_tiny(&m);
    cr_expect_eq(embed_rows_at_once(e), EMBED_AT_ONCE);
    cr_assert_eq(embed_rows(e, NULL, todo, 2, scratch), ERR_OK, "%s", err_text());
    for (int i = 0; i < 2; i++) {
        double length = 0;

        cr_assert_eq(rows[i].dim, embedder_info(e)->dim);
        for (uint32_t d = 0; d < rows[i].dim; d++)
            length += (double)rows[i].vector[d] * rows[i].vector[d];
        cr_expect_float_eq(length, 1, 1e-3);
        cr_expect_not_null(rows[i].sentence_vectors);
    }
    cr_expect_eq(rows[0].n_sentences, 2);
    cr_expect_eq(rows[1].n_sentences, 1);
    embedder_close(e);
    tiny_close(&m);
    arena_free(scratch);
    arena_free(mem);
}

Test(embed_rows, a_failure_leaves_the_rows_as_they_were)
{
    struct tiny_model m;
    struct embedder *e;
    struct arena *mem = arena_new(0), *scratch = arena_new(0);
    struct vector_row row = {0};
    struct todo todo = {&row, STR_LIT("abc"), mem};

    tiny_open(&m);
    tiny_find(&m, "encoder.layer.1.output.LayerNorm.bias")->v[0] = NAN;
    tiny_write_weights(&m, "F32");
    e = open_tiny(&m);
    cr_expect_eq(embed_rows(e, NULL, &todo, 1, scratch), ERR_FORMAT);
    cr_expect_null(row.vector);
    embedder_close(e);
    tiny_close(&m);
    arena_free(scratch);
    arena_free(mem);
}
