#include "embed/bert_layout.h"

#include <criterion/criterion.h>
#include <stdint.h>

#include "base/mem.h"

static const struct bert_config config = {.hidden = 24,
                                          .n_layers = 2,
                                          .n_heads = 3,
                                          .intermediate = 40,
                                          .vocab_size = 61,
                                          .n_positions = 5,
                                          .n_types = 2};

/* Every part ends before the next begins, and all of them on a line. */
static const char *expect_next(const char *end, const void *part, size_t n_bytes)
{
    cr_expect_eq((uintptr_t)part % 64, 0);
    cr_expect_eq((const char *)part - end, 0, "no gap, no overlap");
    return (const char *)part + ((n_bytes + 63) & ~(size_t)63);
}

static const char *expect_norm(const char *end, const struct norm *n)
{
    end = expect_next(end, n->gamma, 24 * sizeof(float));
    return expect_next(end, n->beta, 24 * sizeof(float));
}

static const char *expect_matrix(const char *end, const struct matrix *m)
{
    return expect_next(end, m->panels, matrix_bytes(m->precision, m->n, m->k));
}

Test(bert_layout, parts_follow_each_other_in_the_order_of_the_table)
{
    for (int p = 0; p < N_PRECISIONS; p++) {
        struct bert_layout l;
        size_t cold_bytes, hot_bytes;
        char *cold, *hot;
        const char *end;

        bert_layout_bytes(&config, (enum precision)p, &cold_bytes, &hot_bytes);
        cold = mem_alloc_aligned(cold_bytes);
        hot = mem_alloc_aligned(hot_bytes);
        bert_lay_out(&l, &config, (enum precision)p, cold, hot);
        end = expect_next(cold, l.words.rows, word_rows_bytes((enum precision)p, 61, 24));
        end = expect_next(end, l.places, 5 * 24 * sizeof(float));
        cr_expect_eq(end - cold, (ptrdiff_t)cold_bytes);
        end = expect_norm(hot, &l.embedded);
        for (int i = 0; i < 2; i++) {
            end = expect_matrix(end, &l.layers[i].qkv);
            end = expect_matrix(end, &l.layers[i].project);
            end = expect_norm(end, &l.layers[i].after_attention);
            end = expect_matrix(end, &l.layers[i].widen);
            end = expect_matrix(end, &l.layers[i].narrow);
            end = expect_norm(end, &l.layers[i].after_narrow);
        }
        cr_expect_eq(end - hot, (ptrdiff_t)hot_bytes);
        cr_expect_eq(l.cold_bytes, cold_bytes);
        cr_expect_eq(l.hot_bytes, hot_bytes);
        mem_free(cold);
        mem_free(hot);
    }
}

Test(bert_layout, a_smaller_precision_needs_less)
{
    size_t cold[N_PRECISIONS], hot[N_PRECISIONS];

    for (int p = 0; p < N_PRECISIONS; p++)
        bert_layout_bytes(&config, (enum precision)p, &cold[p], &hot[p]);
    cr_expect(cold[PRECISION_F32] > cold[PRECISION_BF16] &&
              cold[PRECISION_BF16] > cold[PRECISION_INT8]);
    cr_expect(hot[PRECISION_F32] > hot[PRECISION_BF16] &&
              hot[PRECISION_BF16] > hot[PRECISION_INT8]);
}

Test(bert_layout, a_cross_encoders_head_follows_the_layers_in_f32)
{
    for (int p = 0; p < N_PRECISIONS; p++) {
        struct bert_config cross = config;
        struct bert_layout l, plain;
        size_t cold_bytes, hot_bytes;
        char *cold, *hot;
        const char *end;

        cross.n_labels = 1;
        bert_layout_bytes(&cross, (enum precision)p, &cold_bytes, &hot_bytes);
        cold = mem_alloc_aligned(cold_bytes);
        hot = mem_alloc_aligned(hot_bytes);
        bert_lay_out(&l, &cross, (enum precision)p, cold, hot);
        bert_lay_out(&plain, &config, (enum precision)p, cold, hot);
        cr_expect_null(plain.second);
        cr_expect_eq(l.cold_bytes, plain.cold_bytes);
        cr_expect_eq(l.pooler.precision, PRECISION_F32);
        end = expect_next(hot + plain.hot_bytes, l.second, 24 * sizeof(float));
        end = expect_matrix(end, &l.pooler);
        end = expect_next(end, l.classifier, 24 * sizeof(float));
        end = expect_next(end, l.classifier_bias, sizeof(float));
        cr_expect_eq(end - hot, (ptrdiff_t)hot_bytes);
        mem_free(cold);
        mem_free(hot);
    }
}
