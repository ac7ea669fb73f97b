/* compare_product.h - `prepare` and `product` of one table in three precisions, against what
 * matrix.h says, computed here in double from the packed numbers where it says they lie.
 */
#pragma once
#include "simd/bf16.h"
#include "simd/scalar.h"
#include "unit/simd/inputs.h"

/* What simd.h promises of the GELU behind a product of bf16 or int8. */
#define GELU_NEAR_ERROR 1.8e-4

/* Weight [output, input] as packed, by the table in matrix.h: a float, or a whole number. */
static inline double packed_weight(const struct matrix *w, size_t output, size_t input)
{
    size_t panel = output / MATRIX_PANEL * matrix_panel_bytes(w->precision, w->k);
    size_t col = output % MATRIX_PANEL;
    const void *p = (const char *)w->panels + panel;

    switch (w->precision) {
    case PRECISION_BF16:
        return bf16_to_float(
            ((const uint16_t *)p)[(input / 2 * MATRIX_PANEL + col) * 2 + input % 2]);
    case PRECISION_INT8:
        return ((const int8_t *)p)[(input / 4 * MATRIX_PANEL + col) * 4 + input % 4];
    default: return ((const float *)p)[input * MATRIX_PANEL + col];
    }
}

static inline double prepared_input(const struct rows *x, size_t row, size_t input)
{
    size_t at = row * rows_stride(x->k) + input;

    switch (x->precision) {
    case PRECISION_BF16: return bf16_to_float(((const uint16_t *)x->v)[at]);
    case PRECISION_INT8: return ((const uint8_t *)x->v)[at];
    default: return x->x[row * x->k + input];
    }
}

/* A matrix and rows for it, with memory of their own. */
struct product_case {
    size_t m, n, k;
    struct matrix w;
    struct rows x;
    float *inputs; /* [m, k] */
    void *w_memory, *x_memory;
    double *weights; /* [n, k] as packed */
};

/* Packs weights [n, k] and prepares inputs [m, k]; both are taken. */
static inline struct product_case product_case(const struct simd *k, enum precision p, size_t m,
                                               size_t n, size_t depth, float *inputs,
                                               float *weights, const float *bias)
{
    struct product_case c = {.m = m, .n = n, .k = depth, .inputs = inputs};
    size_t w_bytes = matrix_bytes(p, n, depth);

    c.w_memory = mem_alloc_aligned(w_bytes);
    memset(c.w_memory, 0, w_bytes);
    c.x_memory = mem_alloc_aligned(rows_bytes(m, depth) + 64);
    c.w = matrix_at(p, n, depth, c.w_memory);
    if (!matrix_pack(&c.w, weights, bias, n, 1, 0, c.w_memory))
        abort();
    c.x = rows_at(p, m, depth, c.x_memory);
    k->prepare(inputs, 0, m, &c.x);
    c.x.x = inputs;
    c.weights = mem_alloc((n * depth + 1) * sizeof *c.weights);
    for (size_t i = 0; i < n * depth; i++)
        c.weights[i] = packed_weight(&c.w, i / depth, i % depth);
    mem_free(weights);
    return c;
}

static inline void product_case_done(struct product_case *c)
{
    mem_free(c->inputs);
    mem_free(c->w_memory);
    mem_free(c->x_memory);
    mem_free(c->weights);
}

/* An output before GELU; *size is what its rounding is relative to. */
static inline double wanted_output(const struct product_case *c, size_t row, size_t output,
                                   double *size)
{
    double sum = 0, sizes = 0, sum_w = 0, bias = c->w.bias[output];

    for (size_t i = 0; i < c->k; i++) {
        double weight = c->weights[output * c->k + i];
        double one = prepared_input(&c->x, row, i) * weight;

        sum += one;
        sizes += fabs(one);
        sum_w += weight;
    }
    if (c->w.precision == PRECISION_INT8) {
        double scale = (double)c->x.scale[row] * c->w.scale[output];

        /* the sums themselves are exact, so only their conversion is rounded */
        *size = fabs(bias) + fabs(scale) * (fabs(sum) + 255 * fabs(sum_w));
        return bias + scale * (sum - c->x.zero[row] * sum_w);
    }
    *size = fabs(bias) + sizes;
    return bias + sum;
}

static inline double wanted_gelu(double x)
{
    return x * erfc(-x * M_SQRT1_2) / 2;
}

/* The panels first .. first+n_panels-1 into a y that is wider, whose other columns must stay. */
static inline double gap_of_panels(const struct simd *k, const struct product_case *c, size_t first,
                                   size_t n_panels, enum after after)
{
    size_t ldy = c->n + 3, begin = first * MATRIX_PANEL, end = (first + n_panels) * MATRIX_PANEL;
    float *got = random_floats(c->m * ldy, 10);
    double worst = 0,
           allowed = after == AFTER_GELU && c->w.precision != PRECISION_F32 ? GELU_NEAR_ERROR : 0;
    uint32_t seed = 10;

    k->product(&c->x, c->m, &c->w, first, n_panels, after, got, ldy);
    for (size_t r = 0; r < c->m; r++) {
        for (size_t col = 0; col < ldy; col++) {
            double want = next_random(&seed), size = 1, gap;

            if (col < begin || col >= end || col >= c->n) {
                if (got[r * ldy + col] != want)
                    worst = HUGE_VAL;
                continue;
            }
            want = wanted_output(c, r, col, &size);
            want = after == AFTER_GELU ? wanted_gelu(want) : want;
            gap = fmax(0, fabs(got[r * ldy + col] - want) - allowed) / (size + 1e-9);
            worst = isnan(got[r * ldy + col]) ? HUGE_VAL : fmax(worst, gap);
        }
    }
    mem_free(got);
    return worst;
}

static inline struct product_case random_case(const struct simd *k, enum precision p, size_t m,
                                              size_t n, size_t depth)
{
    float *bias = random_floats(n, 9);
    struct product_case c = product_case(k, p, m, n, depth, random_floats(m * depth, 7),
                                         random_floats(n * depth, 8), bias);

    mem_free(bias);
    return c;
}

/* All at once, then in two parts at every cut. */
static inline double gap_of_shape(const struct simd *k, enum precision p, size_t m, size_t n,
                                  size_t depth)
{
    struct product_case c = random_case(k, p, m, n, depth);
    size_t n_panels = (n + MATRIX_PANEL - 1) / MATRIX_PANEL;
    double worst = gap_of_panels(k, &c, 0, n_panels, AFTER_NOTHING);

    worst = fmax(worst, gap_of_panels(k, &c, 0, n_panels, AFTER_GELU));
    for (size_t cut = 1; cut < n_panels && m % 5 == 1; cut++) {
        worst = fmax(worst, gap_of_panels(k, &c, 0, cut, AFTER_GELU));
        worst = fmax(worst, gap_of_panels(k, &c, cut, n_panels - cut, AFTER_NOTHING));
    }
    worst = fmax(worst, gap_of_panels(k, &c, 0, 0, AFTER_GELU));
    product_case_done(&c);
    return worst;
}

static inline double gap_product(const struct simd *k, enum precision p)
{
    static const size_t wide[] = {1, 31, 32, 33, 65, 96};
    static const size_t deep[] = {0, 1, 2, 3, 4, 5, 6, 7, 33, 66, 131};
    double worst = 0;

    for (size_t m = 0; m <= 26; m++)
        for (size_t i = 0; i < sizeof wide / sizeof *wide; i++)
            for (size_t j = 0; j < sizeof deep / sizeof *deep; j++)
                if (m < 8 || (m + i + j) % 4 == 0) /* later ones in turn */
                    worst = fmax(worst, gap_of_shape(k, p, m, wide[i], deep[j]));
    return fmax(worst, gap_of_shape(k, p, 13, 64, 1537));
}

static inline double gap_product_f32(const struct simd *k)
{
    return gap_product(k, PRECISION_F32);
}

static inline double gap_product_bf16(const struct simd *k)
{
    return gap_product(k, PRECISION_BF16);
}

static inline double gap_product_int8(const struct simd *k)
{
    return gap_product(k, PRECISION_INT8);
}

/* ---- bytes at their ends ---- */

static inline double gap_of_ends(const struct simd *k, size_t depth, float row, float weight)
{
    enum { M = 3, N = 33 };
    float *x = mem_alloc(M * depth * sizeof *x), *w = mem_alloc(N * depth * sizeof *w);
    float bias[N] = {0};
    struct product_case c;
    double worst;

    for (size_t i = 0; i < M * depth; i++)
        x[i] = i < depth ? row : i < 2 * depth ? (i % 2 ? row : -row) : (i % 3 ? 0 : row);
    for (size_t i = 0; i < N * depth; i++)
        w[i] = i < depth ? -weight : weight;
    c = product_case(k, PRECISION_INT8, M, N, depth, x, w, bias);
    worst = gap_of_panels(k, &c, 0, 2, AFTER_NOTHING);
    for (size_t i = 0; i < depth; i++)
        if (prepared_input(&c.x, 0, i) != (row > 0 ? 255 : 0) ||
            c.weights[i] != (weight > 0 ? -127 : 127))
            worst = HUGE_VAL; /* not the ends */
    product_case_done(&c);
    return worst;
}

/* 255 times -127 and 127, all the way: what saturates in sixteen bits, or overflows 32. */
static inline double gap_int8_ends(const struct simd *k)
{
    static const size_t deep[] = {2, 4, 255, 1536, 4096, MATRIX_INPUTS_MAX};
    double worst = 0;

    for (size_t i = 0; i < sizeof deep / sizeof *deep; i++) {
        worst = fmax(worst, gap_of_ends(k, deep[i], 1, 1));
        worst = fmax(worst, gap_of_ends(k, deep[i], 1, -1));
        worst = fmax(worst, gap_of_ends(k, deep[i], -3, 0.5f));
    }
    return worst;
}

/* ---- rows as products read them ---- */

enum row_kind {
    ROW_RANDOM,
    ROW_ZERO,
    ROW_ALL_THE_SAME,
    ROW_ALL_THE_SAME_NEGATIVE,
    ROW_POSITIVE,
    ROW_NEGATIVE,
    ROW_SPIKE,
    ROW_HUGE,
    ROW_SMALL,
    ROW_TINY,
    ROW_DENORMAL,
    ROW_TIES, /* halfway between two bytes, and two bf16 */
    N_ROW_KINDS
};

static inline float row_value(enum row_kind kind, size_t i, float random)
{
    switch (kind) {
    case ROW_ZERO: return i % 2 ? 0.0f : -0.0f;
    case ROW_ALL_THE_SAME: return 0.7f;
    case ROW_ALL_THE_SAME_NEGATIVE: return -3.1f;
    case ROW_POSITIVE: return fabsf(random) + 0.01f;
    case ROW_NEGATIVE: return -fabsf(random) - 5;
    case ROW_SPIKE: return i == 3 ? 1000 : random;
    case ROW_HUGE: return 1e37f * random;
    case ROW_SMALL: return 1e-30f * random;
    case ROW_TINY: return 3e-37f * random;
    case ROW_DENORMAL: return 1e-40f * random;
    case ROW_TIES: return i == 0 ? 127 : i == 1 ? -128 : truncf(50 * random) + 0.5f;
    default: return random;
    }
}

/* Bits of bf16; those that are no normal number may be zero (simd.h). */
static inline bool same_bf16(uint16_t got, uint16_t want)
{
    return got == want || ((want & 0x7fff) <= 0x0080 && (got & 0x7fff) == 0);
}

static inline bool same_prepared(const struct rows *got, const struct rows *want, size_t m)
{
    size_t n = m * rows_stride(got->k);

    if (got->precision == PRECISION_INT8)
        return memcmp(got->v, want->v, n) == 0 && largest_gap(got->scale, want->scale, m) == 0 &&
               largest_gap(got->zero, want->zero, m) == 0;
    for (size_t i = 0; i < n; i++)
        if (!same_bf16(((uint16_t *)got->v)[i], ((uint16_t *)want->v)[i]))
            return false;
    return true;
}

/* Rows 1 and 2 of 4; 0 and 3 must stay. */
static inline double gap_of_rows(const struct simd *k, enum precision p, enum row_kind kind,
                                 size_t depth)
{
    enum { M = 4 };
    size_t bytes = rows_bytes(M, depth);
    float *x = random_floats(M * depth, 30 + kind);
    void *memory[2] = {mem_alloc_aligned(bytes), mem_alloc_aligned(bytes)};
    struct rows got = rows_at(p, M, depth, memory[0]), want = rows_at(p, M, depth, memory[1]);
    bool same;

    for (size_t i = 0; i < M * depth; i++)
        x[i] = row_value(kind, i % depth, x[i]);
    memset(memory[0], 0x55, bytes);
    memset(memory[1], 0x55, bytes);
    k->prepare(x, 1, 2, &got);
    prepare_scalar(x, 1, 2, &want);
    same = same_prepared(&got, &want, M);
    mem_free(x);
    mem_free(memory[0]);
    mem_free(memory[1]);
    return same ? 0 : 1;
}

static inline double gap_prepare(const struct simd *k)
{
    double worst = 0;

    for (size_t i = 1; i < N_LENGTHS; i++)
        for (int kind = 0; kind < N_ROW_KINDS; kind++) {
            worst += gap_of_rows(k, PRECISION_INT8, (enum row_kind)kind, odd_lengths[i]);
            worst += gap_of_rows(k, PRECISION_BF16, (enum row_kind)kind, odd_lengths[i]);
        }
    return worst;
}

/* What bytes give back is never further off than half a step, whatever the row; and the product of
 * such a row is the one that its bytes ask for. */
static inline double gap_of_bytes(const struct simd *k, enum row_kind kind)
{
    enum { M = 2, N = 33, K = 37 };
    float *x = random_floats(M * K, 40), *w = random_floats(N * K, 41), bias[N] = {0};
    struct product_case c;
    double worst;

    for (size_t i = 0; i < M * K; i++)
        x[i] = row_value(kind, i % K, x[i]);
    c = product_case(k, PRECISION_INT8, M, N, K, x, w, bias);
    worst = gap_of_panels(k, &c, 0, 2, AFTER_NOTHING);
    for (size_t i = 0; i < M * K; i++) {
        double step = c.x.scale[i / K];
        double back = step * (prepared_input(&c.x, i / K, i % K) - c.x.zero[i / K]);

        /* the zero is rounded too, at the other end of the range */
        if (!(fabs(back - x[i]) <= 1.001 * step + 1e-36))
            worst = HUGE_VAL;
    }
    product_case_done(&c);
    return worst;
}

static inline double gap_bytes(const struct simd *k)
{
    double worst = 0;

    for (int kind = 0; kind < N_ROW_KINDS; kind++)
        worst = fmax(worst, gap_of_bytes(k, (enum row_kind)kind));
    return worst;
}

/* ---- GELU behind a product ---- */

/* Without inputs an output is its bias, so this is the GELU alone: -20 .. 20, and far out. */
static inline double gap_gelu_of(const struct simd *k, enum precision p)
{
    enum { N = 4033 };
    static float x[N], y[N];

    struct product_case c;
    double worst = 0;

    for (size_t i = 0; i < N; i++)
        x[i] = ((float)i - 2000) / 100;
    x[N - 1] = 1e30f;
    x[N - 2] = -1e30f;
    x[N - 3] = 4.2f;
    x[N - 4] = -4.2f;
    c = product_case(k, p, 1, N, 0, mem_alloc(1), mem_alloc(1), x);
    k->product(&c.x, 1, &c.w, 0, (N + MATRIX_PANEL - 1) / MATRIX_PANEL, AFTER_GELU, y, N);
    for (size_t i = 0; i < N; i++) {
        bool outside = p != PRECISION_F32 && k->product != product_scalar && fabsf(x[i]) > 4.201f;
        double want = outside ? fmaxf(x[i], 0) : wanted_gelu(x[i]);
        double gap = fabs(y[i] - want) / fmax(1, fabs(want));

        worst = isnan(y[i]) || (outside && y[i] != want) ? HUGE_VAL : fmax(worst, gap);
    }
    product_case_done(&c);
    return worst;
}

static inline double gap_gelu_exact(const struct simd *k)
{
    return gap_gelu_of(k, PRECISION_F32);
}

static inline double gap_gelu_near(const struct simd *k)
{
    return fmax(gap_gelu_of(k, PRECISION_BF16), gap_gelu_of(k, PRECISION_INT8));
}

/* ---- the same bits, and no others ---- */

/* A row prepared and multiplied alone, and the same row among others. */
static inline double gap_row_alone(const struct simd *k)
{
    enum { M = 29, N = 40, K = 51 };
    float together[M * N], alone[N];
    double worst = 0;

    for (int p = 0; p < N_PRECISIONS; p++) {
        struct product_case c = random_case(k, (enum precision)p, M, N, K);
        void *memory = mem_alloc_aligned(rows_bytes(1, K));
        struct rows one = rows_at((enum precision)p, 1, K, memory);

        k->product(&c.x, M, &c.w, 0, 2, AFTER_GELU, together, N);
        for (size_t r = 0; r < M; r++) {
            struct rows from = rows_from(&c.x, r);

            one.x = c.inputs + r * K;
            k->prepare(one.x, 0, 1, &one);
            k->product(&one, 1, &c.w, 0, 1, AFTER_GELU, alone, N);
            k->product(&one, 1, &c.w, 1, 1, AFTER_GELU, alone, N);
            worst += memcmp(alone, together + r * N, sizeof alone) != 0;
            k->product(&from, M - r, &c.w, 0, 2, AFTER_GELU, together + r * N, N);
            worst += memcmp(alone, together + r * N, sizeof alone) != 0;
        }
        mem_free(memory);
        product_case_done(&c);
    }
    return worst;
}

/* Prepare and product in memory without a byte to spare: a touch beside it ends the process. */
static inline void product_in_fences(const struct simd *k, enum precision p, size_t m, size_t n,
                                     size_t depth, bool at_start)
{
    size_t panels = (n + MATRIX_PANEL - 1) / MATRIX_PANEL, outputs = panels * MATRIX_PANEL * 4;
    size_t unit = p == PRECISION_BF16 ? 2 : p == PRECISION_INT8 ? 1 : 0;
    struct fenced f[] = {fenced_bytes(m * depth * 4, at_start),
                         fenced_bytes(m * rows_stride(depth) * unit, at_start),
                         fenced_bytes(m * 4, at_start),
                         fenced_bytes(m * 4, at_start),
                         fenced_bytes(panels * matrix_panel_bytes(p, depth), at_start),
                         fenced_bytes(outputs, at_start),
                         fenced_bytes(outputs, at_start),
                         fenced_bytes(outputs, at_start),
                         fenced_bytes(m * n * 4, at_start)};
    struct rows x = {p, depth, f[0].v, f[1].v, f[2].v, f[3].v};
    struct matrix w = {p, n, depth, f[4].v, f[5].v, f[6].v, f[7].v};

    k->prepare(f[0].v, 0, m, &x);
    k->product(&x, m, &w, 0, panels, AFTER_GELU, f[8].v, n);
    unfence(f, sizeof f / sizeof *f);
}

static inline double gap_product_fenced(const struct simd *k)
{
    static const size_t rows[] = {1, 4, 5, 6, 12, 13}, deep[] = {1, 2, 3, 7, 16, 30, 33};

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (size_t j = 0; j < sizeof deep / sizeof *deep; j++)
            for (size_t n = 31; n <= 33; n++)
                for (int p = 0; p < N_PRECISIONS; p++) {
                    product_in_fences(k, (enum precision)p, rows[i], n, deep[j], false);
                    product_in_fences(k, (enum precision)p, rows[i], n, deep[j], true);
                }
    return 0;
}
