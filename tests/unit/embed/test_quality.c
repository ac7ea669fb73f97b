#include "embed/quality.h"

#include <criterion/criterion.h>

#include "base/err.h"
#include "unit/embed/tiny_model.h"

struct pair {
    struct tiny_model m;
    struct bert *exact, *b;
    struct wordpiece *w;
};

static void open_pair(struct pair *p, enum precision precision)
{
    tiny_open(&p->m);
    cr_assert_eq(bert_open(&p->exact, p->m.dir, PRECISION_F32), ERR_OK, "%s", err_text());
    cr_assert_eq(bert_open(&p->b, p->m.dir, precision), ERR_OK, "%s", err_text());
    cr_assert_eq(wordpiece_open(&p->w, p->m.dir), ERR_OK, "%s", err_text());
}

static void close_pair(struct pair *p)
{
    bert_close(p->exact);
    bert_close(p->b);
    wordpiece_close(p->w);
    tiny_close(&p->m);
}

static struct quality measured(enum precision precision, bool cls)
{
    struct pair p;
    struct quality q = {0};

    open_pair(&p, precision);
    cr_assert_eq(quality_measure(&q, p.exact, p.b, p.w, cls), ERR_OK, "%s", err_text());
    close_pair(&p);
    return q;
}

Test(quality, of_f32_is_one)
{
    struct quality q = measured(PRECISION_F32, false);

    cr_expect_eq(q.n_texts, 64);
    cr_expect_float_eq(q.mean, 1, 1e-6);
    cr_expect_float_eq(q.smallest, 1, 1e-6);
}

Test(quality, of_int8_is_less_than_of_bf16)
{
    struct quality bytes = measured(PRECISION_INT8, false),
                   halves = measured(PRECISION_BF16, false);

    cr_expect_lt(bytes.mean, halves.mean);
    cr_expect_lt(halves.mean, 1);
    cr_expect_lt(bytes.smallest, bytes.mean);
    cr_expect_gt(bytes.smallest, 0.5);
}

Test(quality, depends_on_the_pooling)
{
    struct quality mean = measured(PRECISION_INT8, false), cls = measured(PRECISION_INT8, true);

    cr_expect_neq(mean.mean, cls.mean);
}

Test(quality, of_damaged_weights_is_an_error)
{
    struct pair p;
    struct quality q = {7, 7, 7};

    open_pair(&p, PRECISION_BF16);
    bert_close(p.b);
    tiny_find(&p.m, "encoder.layer.1.output.LayerNorm.weight")->v[3] = __builtin_nanf("");
    tiny_write_weights(&p.m, "F32");
    cr_assert_eq(bert_open(&p.b, p.m.dir, PRECISION_BF16), ERR_OK, "%s", err_text());
    cr_expect_eq(quality_measure(&q, p.exact, p.b, p.w, false), ERR_FORMAT);
    cr_expect_eq(q.n_texts, 7, "untouched");
    close_pair(&p);
}
