#include "embed/static_fit.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

#include "base/err.h"

enum { VOCAB = 60, DIM = 40, TEXTS = 600, LENGTH = 6 };

static float next(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return (float)(int32_t)*state / 2147483648.0f;
}

/* Each token has a direction; a text's vector is the sum of its tokens' directions. So the answer
 * is known: the directions themselves, up to one factor. */
struct problem {
    float truth[VOCAB][DIM];
    struct token texts[TEXTS][LENGTH];
    float targets[TEXTS][DIM];
};

static struct problem *problem_new(void)
{
    struct problem *p = calloc(1, sizeof *p);
    uint32_t state = 5;

    for (size_t i = 0; i < VOCAB; i++)
        for (size_t j = 0; j < DIM; j++)
            p->truth[i][j] = next(&state);
    for (size_t i = 0; i < TEXTS; i++)
        for (size_t t = 0; t < LENGTH; t++) {
            state = state * 1664525u + 1013904223u;
            p->texts[i][t].id = (int32_t)((state >> 8) % (VOCAB - 1)); /* never the last one */
            for (size_t j = 0; j < DIM; j++)
                p->targets[i][j] += p->truth[p->texts[i][t].id][j];
        }
    return p;
}

static struct static_samples *samples_of(const struct problem *p)
{
    struct static_samples *s = static_samples_new(VOCAB, DIM);

    for (size_t i = 0; i < TEXTS; i++)
        cr_assert(static_samples_add(s, p->texts[i], LENGTH, p->targets[i]));
    return s;
}

static struct static_encoder *fit(const struct problem *p, struct pool *pool)
{
    struct static_samples *s = samples_of(p);
    struct static_origin origin = {.collection = 3};
    struct static_encoder *out = NULL;

    cr_assert_eq(static_fit(s, &origin, pool, NULL, &out), ERR_OK, "%s", err_text());
    static_samples_free(s);
    return out;
}

static double cosine(const float *a, const float *b)
{
    double ab = 0, aa = 0, bb = 0;

    for (size_t j = 0; j < DIM; j++) {
        ab += (double)a[j] * b[j];
        aa += (double)a[j] * a[j];
        bb += (double)b[j] * b[j];
    }
    return ab / sqrt(aa * bb);
}

Test(static_fit, finds_the_directions_that_made_the_texts)
{
    struct problem *p = problem_new();
    struct static_encoder *s = fit(p, NULL);
    float out[DIM];

    for (int32_t id = 0; id < VOCAB - 1; id++) {
        struct token token = {.id = id};

        cr_assert(static_encoder_encode(s, &token, 1, out));
        cr_expect_gt(cosine(out, p->truth[id]), 0.97, "token %d: %.3f", id,
                     cosine(out, p->truth[id]));
    }
    cr_expect_eq(static_encoder_origin(s)->collection, 3);
    static_encoder_unref(s);
    free(p);
}

Test(static_fit, a_token_that_no_text_has_is_unknown)
{
    struct problem *p = problem_new();
    struct static_encoder *s = fit(p, NULL);
    struct token never = {.id = VOCAB - 1};
    float out[DIM];

    cr_expect_not(static_encoder_encode(s, &never, 1, out));
    static_encoder_unref(s);
    free(p);
}

Test(static_fit, gives_the_same_bytes_whatever_the_number_of_threads)
{
    struct problem *p = problem_new();
    struct pool *pool = pool_new("fit", 3, 16);
    struct static_encoder *alone = fit(p, NULL), *together = fit(p, pool);
    struct buf a, b;

    buf_init(&a);
    buf_init(&b);
    static_encoder_write(alone, &a);
    static_encoder_write(together, &b);
    cr_assert_eq(a.n, b.n);
    cr_expect_arr_eq(a.p, b.p, a.n);
    buf_done(&a);
    buf_done(&b);
    static_encoder_unref(alone);
    static_encoder_unref(together);
    pool_free(pool);
    free(p);
}

Test(static_fit, texts_and_vectors_without_content_add_nothing)
{
    struct static_samples *s = static_samples_new(VOCAB, DIM);
    struct token token = {.id = 1};
    float zeros[DIM] = {0}, nan[DIM] = {NAN};
    struct static_encoder *out = NULL;
    struct static_origin origin = {0};

    cr_expect(static_samples_add(s, &token, 0, (float[DIM]){1}));
    cr_expect(static_samples_add(s, &token, 1, zeros));
    cr_expect(static_samples_add(s, &token, 1, nan));
    cr_expect_eq(static_samples_count(s), 0);
    cr_expect_eq(static_fit(s, &origin, NULL, NULL, &out), ERR_ARGUMENT);
    cr_expect_null(out);
    static_samples_free(s);
}

Test(static_fit, a_long_text_counts_to_its_limit)
{
    struct static_samples *s = static_samples_new(VOCAB, DIM);
    static struct token tokens[STATIC_TOKENS_MAX + 1];
    struct static_encoder *out = NULL;
    struct static_origin origin = {0};
    struct token last = {.id = 2};
    float v[DIM];

    tokens[STATIC_TOKENS_MAX].id = 2;
    cr_assert(static_samples_add(s, tokens, STATIC_TOKENS_MAX + 1, (float[DIM]){1}));
    cr_assert_eq(static_fit(s, &origin, NULL, NULL, &out), ERR_OK);
    cr_expect_not(static_encoder_encode(out, &last, 1, v), "it stood beyond the limit");
    static_encoder_unref(out);
    static_samples_free(s);
}

Test(static_fit, can_be_cancelled)
{
    struct problem *p = problem_new();
    struct static_samples *s = samples_of(p);
    struct static_origin origin = {0};
    struct static_encoder *out = NULL;
    atomic_bool cancel = true;

    cr_expect_eq(static_fit(s, &origin, NULL, &cancel, &out), ERR_CANCELLED);
    cr_expect_null(out);
    static_samples_free(s);
    free(p);
}
