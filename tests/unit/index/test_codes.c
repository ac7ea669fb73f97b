#include <criterion/criterion.h>

#include "index/codes.h"
#include "unit/index/vectors.h"

#define DIM 100

static int32_t sum_of(const struct codes_query *q, const uint8_t *code)
{
    int32_t sum;

    simd_get()->codes_rows(q->bytes, q->bias, code, codes_stride(DIM), 1, &sum);
    return sum;
}

Test(codes, end_at_a_multiple_of_64_bytes)
{
    cr_expect_eq(codes_stride(1), 64);
    cr_expect_eq(codes_stride(64), 64);
    cr_expect_eq(codes_stride(65), 128);
    cr_expect_eq(codes_stride(384), 384);
}

Test(codes, give_the_cosine_within_its_error)
{
    double square = 0;
    size_t n = 2000;

    for (size_t i = 0; i < n; i++) {
        float v[DIM], query[DIM], exact = 0, about;
        uint8_t code[128];
        int8_t room[128];
        struct codes_query q;

        vector_of(i, DIM, v);
        vector_of(i + 3000, DIM, query);
        cr_assert_eq(codes_encode(v, DIM, code), 0.0f);
        q = codes_query(query, DIM, room);
        about = q.unit * (float)sum_of(&q, code);
        for (size_t j = 0; j < DIM; j++)
            exact += v[j] * query[j];
        cr_assert_lt(fabsf(about - exact), 6 * q.error);
        square += (double)((about - exact) * (about - exact)) / (double)(q.error * q.error);
    }
    cr_expect(fabs(sqrt(square / (double)n) - 1) < 0.15, "%g", sqrt(square / (double)n));
}

Test(codes, of_two_vectors_compare_without_the_vectors)
{
    float a[DIM], b[DIM], exact = 0;
    uint8_t code_a[128], code_b[128];
    int8_t room[128];
    struct codes_query q;

    vector_of(1, DIM, a);
    vector_of(41, DIM, b);
    codes_encode(a, DIM, code_a);
    codes_encode(b, DIM, code_b);
    for (size_t j = 0; j < DIM; j++)
        exact += a[j] * b[j];
    q = codes_query_of(code_a, DIM, room);
    cr_expect_eq(q.unit, codes_unit(DIM));
    cr_expect_lt(fabsf(q.unit * (float)sum_of(&q, code_b) - exact), 6 * q.error);
    cr_expect_lt(fabsf(q.unit * (float)sum_of(&q, code_a) - 1), 6 * q.error);
}

Test(codes, say_what_the_clip_cut_off)
{
    float v[DIM] = {[7] = 1};
    uint8_t code[128];

    cr_expect_float_eq(codes_encode(v, DIM, code), 1 - 0.45f, 1e-6f);
    cr_expect_eq(code[7], 255);
    cr_expect_eq(code[6], 128);
    v[7] = -1;
    codes_encode(v, DIM, code);
    cr_expect_eq(code[7], 1);
    cr_expect_eq(code[127], 128, "the bytes behind add nothing");
}

Test(codes, of_nothing_are_nothing)
{
    float v[DIM] = {0};
    int8_t room[128];
    struct codes_query q = codes_query(v, DIM, room);

    for (size_t i = 0; i < 128; i++)
        cr_expect_eq(room[i], 0);
    cr_expect_eq(q.bias, 0);
}
