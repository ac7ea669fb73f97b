/* compare.h - every kernel of one table against the plain C ones, at sizes that fit nothing.
 *
 * Shared by the unit tests (every level of this machine) and tests/neon (a program without test
 * framework, run by an emulator). A gap is the largest difference met, measured so that rounding
 * alone stays under its tolerance: for sums of products relative to the sum of their sizes.
 */
#pragma once
#include "unit/simd/compare_product.h"

static inline double gap_dot(const struct simd *k)
{
    double worst = 0;

    for (size_t i = 0; i < N_LENGTHS; i++) {
        size_t n = odd_lengths[i];
        float *a = random_floats(n, 1), *b = random_floats(n, 2);
        double sum = 0, size = 1e-9;

        for (size_t j = 0; j < n; j++) {
            sum += (double)a[j] * b[j];
            size += fabs((double)a[j] * b[j]);
        }
        worst = fmax(worst, fabs(k->dot(a, b, n) - sum) / size);
        mem_free(a);
        mem_free(b);
    }
    return worst;
}

static inline double gap_dot_rows(const struct simd *k)
{
    const struct simd *plain = simd_level(SIMD_SCALAR);
    double worst = 0;

    for (size_t i = 0; i < N_LENGTHS; i++) {
        for (size_t n_rows = 0; n_rows < 10; n_rows++) {
            size_t dim = odd_lengths[i];
            float *q = random_floats(dim, 3), *rows = random_floats(n_rows * dim, 4);
            float got[10] = {0}, want[10] = {0};

            k->dot_rows(q, rows, n_rows, dim, got);
            plain->dot_rows(q, rows, n_rows, dim, want);
            worst = fmax(worst, largest_gap(got, want, n_rows) / (1 + (double)dim / 4));
            mem_free(q);
            mem_free(rows);
        }
    }
    return worst;
}

static inline double gap_dot_rows_i8(const struct simd *k)
{
    const struct simd *plain = simd_level(SIMD_SCALAR);
    double worst = 0;

    for (size_t i = 0; i < N_LENGTHS; i++) {
        for (size_t n_rows = 0; n_rows < 10; n_rows++) {
            size_t dim = odd_lengths[i];
            float *q = random_floats(dim, 5), got[10] = {0}, want[10] = {0};
            int8_t *rows = mem_alloc(n_rows * dim + 1);
            uint32_t seed = 6;

            for (size_t j = 0; j < n_rows * dim; j++)
                rows[j] = (int8_t)lrintf(127 * next_random(&seed));
            k->dot_rows_i8(q, rows, n_rows, dim, 1 / 127.0f, got);
            plain->dot_rows_i8(q, rows, n_rows, dim, 1 / 127.0f, want);
            worst = fmax(worst, largest_gap(got, want, n_rows) / (1 + (double)dim / 4));
            mem_free(q);
            mem_free(rows);
        }
    }
    return worst;
}

/* A query within what simd.h allows, its ends included, and its bias. */
static inline int8_t *random_code_query(size_t n_bytes, int32_t *bias)
{
    int8_t *q = mem_alloc(n_bytes + 1);
    uint32_t seed = 7;

    *bias = 0;
    for (size_t i = 0; i < n_bytes; i++) {
        float x = next_random(&seed);

        q[i] = (int8_t)(i % 5 == 0 ? (x < 0 ? -64 : 64) : lrintf(64 * x));
        *bias += 128 * q[i];
    }
    return q;
}

/* Rows of the largest codes first, where a sum in 16 bits would overflow. */
static inline uint8_t *random_codes(size_t n_rows, size_t stride)
{
    uint8_t *codes = mem_alloc(n_rows * stride + 1);
    uint32_t seed = 8;

    for (size_t i = 0; i < n_rows * stride; i++)
        codes[i] = i < stride ? 255 : (uint8_t)(next_random(&seed) * 127 + 128);
    return codes;
}

static inline double gap_codes(const struct simd *k)
{
    static const size_t sizes[] = {64, 128, 384, 448, 1024};
    enum { ROWS = 21 };
    const struct simd *plain = simd_level(SIMD_SCALAR);
    double worst = 0;

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        size_t n_bytes = sizes[i];
        int32_t bias, got[ROWS] = {0}, want[ROWS] = {0};
        int8_t *q = random_code_query(n_bytes, &bias);
        uint8_t *codes = random_codes(ROWS, n_bytes + 64);
        uint32_t at[ROWS];

        for (uint32_t n = 0; n < ROWS; n++) {
            at[n] = n * 8 % ROWS;
            k->codes_rows(q, bias, codes, n_bytes, n, got);
            plain->codes_rows(q, bias, codes, n_bytes, n, want);
            worst += memcmp(got, want, sizeof got) != 0;
            k->codes_gather(q, bias, codes, n_bytes + 64, n_bytes, at, n, got);
            plain->codes_gather(q, bias, codes, n_bytes + 64, n_bytes, at, n, want);
            worst += memcmp(got, want, sizeof got) != 0;
        }
        mem_free(q);
        mem_free(codes);
    }
    return worst;
}

static inline double gap_to_codes(const struct simd *k)
{
    const struct simd *plain = simd_level(SIMD_SCALAR);
    double worst = 0;

    for (size_t i = 0; i < N_LENGTHS; i++) {
        size_t n = odd_lengths[i];
        float *x = random_floats(n, 9);
        uint8_t *got = mem_calloc(n + 1, 1), *want = mem_calloc(n + 1, 1);

        if (n)
            x[n - 1] = -3; /* the largest, and beyond what is held */
        worst += k->largest(x, n) != plain->largest(x, n);
        for (int most = 64; most <= 127; most += 63) {
            k->to_codes(x, n, 90, (float)most, got);
            plain->to_codes(x, n, 90, (float)most, want);
            worst += memcmp(got, want, n + 1) != 0;
        }
        mem_free(x);
        mem_free(got);
        mem_free(want);
    }
    return worst;
}

/* Against the level's own dot_rows. */
static inline double gap_dot_gather(const struct simd *k)
{
    enum { ROWS = 11 };
    double worst = 0;

    for (size_t i = 0; i < N_LENGTHS; i++) {
        size_t dim = odd_lengths[i];
        float *q = random_floats(dim, 3), *rows = random_floats(ROWS * dim, 4);
        float all[ROWS], got[ROWS] = {0};
        uint32_t at[ROWS];

        k->dot_rows(q, rows, ROWS, dim, all);
        for (uint32_t n = 0; n < ROWS; n++) {
            at[n] = n * 4 % ROWS;
            k->dot_gather(q, rows, at, n + 1, dim, got);
            for (uint32_t r = 0; r <= n; r++)
                worst += memcmp(&got[r], &all[at[r]], sizeof *got) != 0;
        }
        mem_free(q);
        mem_free(rows);
    }
    return worst;
}

static inline double gap_codes_fenced(const struct simd *k)
{
    for (size_t n_rows = 1; n_rows < 10; n_rows++)
        for (int at_start = 0; at_start < 2; at_start++) {
            struct fenced f[] = {fenced_bytes(64, at_start), fenced_bytes(n_rows * 64, at_start),
                                 fenced_bytes(n_rows * 4, at_start)};
            uint32_t at[10] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};

            k->codes_rows(f[0].v, 0, f[1].v, 64, n_rows, f[2].v);
            k->codes_gather(f[0].v, 0, f[1].v, 64, 64, at, n_rows, f[2].v);
            k->dot_gather(f[0].v, f[1].v, at, n_rows, 16, f[2].v);
            unfence(f, sizeof f / sizeof *f);
        }
    return 0;
}

/* What the word index uses must be the same everywhere, so a gap is 1. */
static inline double gap_sums(const struct simd *k)
{
    const struct simd *plain = simd_level(SIMD_SCALAR);
    int16_t sums[2 * SIMD_SUMS], copy[2 * SIMD_SUMS];
    uint32_t want[2 * SIMD_SUMS], got[2 * SIMD_SUMS], seed = 7;
    bool same = true;

    for (int rarity = 1; rarity < 2000; rarity = rarity * 3 + 1) {
        int16_t least = (int16_t)(rarity % 2 ? 1 : INT16_MAX - 20);
        size_t n;

        for (size_t i = 0; i < 2 * SIMD_SUMS; i++) {
            int x = (int)lrintf(100000 * fabsf(next_random(&seed)));

            sums[i] = x % rarity ? 0 : (int16_t)(x % 3 ? INT16_MAX - x % 40 : INT16_MIN + x % 40);
        }
        memcpy(copy, sums, sizeof sums);
        n = plain->take_reaching(copy, 2 * SIMD_SUMS, least, want);
        same &= k->count_reaching(sums, 2 * SIMD_SUMS, least) == n;
        same &= k->take_reaching(sums, 2 * SIMD_SUMS, least, got) == n;
        same &= memcmp(got, want, n * sizeof *got) == 0 && memcmp(sums, copy, sizeof sums) == 0;
    }
    return !same;
}

static inline double gap_count_each(const struct simd *k)
{
    const struct simd *plain = simd_level(SIMD_SCALAR);
    uint32_t v[100], x[SIMD_EACH], want[SIMD_EACH], got[SIMD_EACH], seed = 8;
    bool same = true;

    for (size_t i = 0; i < SIMD_EACH; i++)
        x[i] = i == 3 ? UINT32_MAX : (uint32_t)i;
    for (size_t n = 0; n < 100; n++) {
        for (size_t i = 0; i < n; i++)
            v[i] = (uint32_t)lrintf(12 * fabsf(next_random(&seed)));
        plain->count_each(v, n, x, want);
        k->count_each(v, n, x, got);
        same &= memcmp(got, want, sizeof got) == 0;
    }
    return !same;
}

static inline double gap_to_units(const struct simd *k)
{
    const struct simd *plain = simd_level(SIMD_SCALAR);
    int16_t want[300], got[300];
    float *x = random_floats(300, 9);
    bool same = true;

    for (size_t i = 0; i < 300; i++)
        x[i] = fabsf(x[i]);
    for (size_t n = 0; n < 300; n++) {
        plain->to_units(x, 9999.5f, want, n);
        k->to_units(x, 9999.5f, got, n);
        same &= memcmp(got, want, n * sizeof *got) == 0;
    }
    mem_free(x);
    return !same;
}

static inline double gap_add(const struct simd *k)
{
    double worst = 0;

    for (size_t i = 0; i < N_LENGTHS; i++) {
        size_t n = odd_lengths[i];
        float *x = random_floats(n, 11), *got = random_floats(n, 12), *want = random_floats(n, 12);

        k->add(got, x, n);
        simd_level(SIMD_SCALAR)->add(want, x, n);
        worst = fmax(worst, largest_gap(got, want, n));
        mem_free(x);
        mem_free(got);
        mem_free(want);
    }
    return worst;
}

static inline double gap_add_scaled(const struct simd *k)
{
    double worst = 0;

    for (size_t i = 0; i < N_LENGTHS; i++) {
        size_t n = odd_lengths[i];
        float *x = random_floats(n, 18), *got = random_floats(n, 19), *want = random_floats(n, 19);

        k->add_scaled(got, x, 0.3f, n);
        simd_level(SIMD_SCALAR)->add_scaled(want, x, 0.3f, n);
        worst = fmax(worst, largest_gap(got, want, n));
        mem_free(x);
        mem_free(got);
        mem_free(want);
    }
    return worst;
}

static inline double gap_sparse(const struct simd *k)
{
    enum { ROWS = 40 };
    const struct simd *plain = simd_level(SIMD_SCALAR);
    double worst = 0;

    for (size_t n = 0; n < 24; n++) {
        float *table = random_floats(ROWS * SIMD_COLUMNS, 20), *weights = random_floats(n, 21);
        float *again = random_floats(ROWS * SIMD_COLUMNS, 20), sum[SIMD_COLUMNS],
              want[SIMD_COLUMNS];
        uint32_t at[24];

        for (size_t i = 0; i < n; i++)
            at[i] = (uint32_t)(i * 7 % ROWS / 2); /* some come twice */
        k->gather(table, at, weights, n, sum);
        plain->gather(again, at, weights, n, want);
        worst = fmax(worst, largest_gap(sum, want, SIMD_COLUMNS));
        k->scatter(table, at, weights, n, want);
        plain->scatter(again, at, weights, n, want);
        worst = fmax(worst, largest_gap(table, again, ROWS * SIMD_COLUMNS));
        mem_free(table);
        mem_free(again);
        mem_free(weights);
    }
    return worst;
}

static inline double gap_gelu(const struct simd *k)
{
    enum { N = 4001 };
    float got[N], want[N];
    double worst = 0;

    for (size_t i = 0; i < N; i++)
        got[i] = want[i] = ((float)i - 2000) / 100; /* -20 .. 20 */
    got[0] = want[0] = -1e30f;
    got[1] = want[1] = 1e30f;
    k->gelu(got, N);
    simd_level(SIMD_SCALAR)->gelu(want, N);
    for (size_t i = 0; i < N; i++)
        worst = fmax(worst, fabs((double)got[i] - want[i]) / fmax(1, fabs((double)want[i])));
    for (size_t i = 0; i < N_LENGTHS; i++) {
        size_t n = odd_lengths[i];
        float *x = random_floats(n + 1, 13), *y = random_floats(n + 1, 13);

        k->gelu(x, n); /* x[n] must stay */
        simd_level(SIMD_SCALAR)->gelu(y, n);
        worst = fmax(worst, largest_gap(x, y, n + 1));
        mem_free(x);
        mem_free(y);
    }
    return worst;
}

static inline double gap_add_norm(const struct simd *k)
{
    double worst = 0;

    for (size_t i = 1; i < N_LENGTHS; i++) {
        size_t dim = odd_lengths[i], n = 3 * dim;
        float *got = random_floats(n, 14), *want = random_floats(n, 14);
        float *residual = random_floats(n, 15);
        float *gamma = random_floats(dim, 16), *beta = random_floats(dim, 17);

        k->add_norm(got, residual, 3, dim, gamma, beta, 1e-6f);
        simd_level(SIMD_SCALAR)->add_norm(want, residual, 3, dim, gamma, beta, 1e-6f);
        worst = fmax(worst, largest_gap(got, want, n));
        mem_free(got);
        mem_free(want);
        mem_free(residual);
        mem_free(gamma);
        mem_free(beta);
    }
    return worst;
}

/* The columns of `heads` are as in `all`, bit for bit, and the others random as before. */
static inline bool only_those_heads(const float *all, const float *got, size_t t,
                                    const struct heads *heads)
{
    size_t width = heads->n * heads->dim;
    uint32_t seed = 21;

    for (size_t i = 0; i < t * width; i++) {
        size_t head = i % width / heads->dim;
        float before = next_random(&seed);
        bool in = head >= heads->first && head < heads->first + heads->count;

        if (got[i] != (in ? all[i] : before))
            return false;
    }
    return true;
}

/* All heads at once against plain C; then some of them, which must give the same bits and leave
 * the others' outputs alone. */
static inline double gap_of_sequence(const struct simd *k, size_t t, size_t n_heads,
                                     size_t head_dim, bool exact)
{
    struct heads all = {.n = n_heads, .dim = head_dim, .count = n_heads, .exact = exact};
    size_t width = n_heads * head_dim;
    float *qkv = random_floats(t * 3 * width, 18);
    float *got = random_floats(t * width, 19), *want = random_floats(t * width, 20);
    float *scratch = mem_alloc_aligned(simd_attention_scratch(t, head_dim) * sizeof *scratch);
    double gap;

    for (size_t i = 0; i < t * 3 * width; i++)
        qkv[i] *= exact ? 3 : 1; /* scores from -50 to 50: a softmax that is not flat */
    k->attention(qkv, got, t, &all, scratch);
    simd_level(SIMD_SCALAR)->attention(qkv, want, t, &all, scratch);
    gap = largest_gap(got, want, t * width);
    for (size_t first = 0; first < n_heads; first++)
        for (size_t count = 0; first + count <= n_heads; count++) {
            struct heads some = {n_heads, head_dim, first, count, exact};

            fill_random(want, t * width, 21);
            k->attention(qkv, want, t, &some, scratch);
            if (!only_those_heads(got, want, t, &some))
                gap = HUGE_VAL;
        }
    mem_free(qkv);
    mem_free(got);
    mem_free(want);
    mem_free(scratch);
    return gap;
}

static inline double worst_sequence(const struct simd *k, bool exact)
{
    static const size_t lengths[] = {1, 2, 11, 12, 13, 31, 32, 33, 64, 67};
    static const size_t dims[] = {1, 8, 32, 33, 64, 80};
    double worst = 0;

    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
        for (size_t j = 0; j < sizeof dims / sizeof *dims; j++)
            worst = fmax(worst, gap_of_sequence(k, lengths[i], 3, dims[j], exact));
    return worst;
}

static inline double gap_attention(const struct simd *k)
{
    return worst_sequence(k, true);
}

static inline double gap_attention_near(const struct simd *k)
{
    return worst_sequence(k, false);
}

/* Attention in memory without a byte to spare: a touch beside it ends the process. */
static inline void attention_in_fences(const struct simd *k, size_t t, size_t dim, bool exact,
                                       bool at_start)
{
    struct heads heads = {.n = 2, .dim = dim, .first = 0, .count = 2, .exact = exact};
    struct fenced f[] = {fenced_bytes(t * 6 * dim * 4, at_start),
                         fenced_bytes(t * 2 * dim * 4, at_start),
                         fenced_bytes(simd_attention_scratch(t, dim) * 4, at_start)};

    k->attention(f[0].v, f[1].v, t, &heads, f[2].v);
    unfence(f, sizeof f / sizeof *f);
}

static inline double gap_attention_fenced(const struct simd *k)
{
    static const size_t lengths[] = {1, 2, 5, 6, 12, 13, 31, 32, 33}, dims[] = {1, 31, 32, 33};

    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
        for (size_t j = 0; j < sizeof dims / sizeof *dims; j++) {
            attention_in_fences(k, lengths[i], dims[j], true, false);
            attention_in_fences(k, lengths[i], dims[j], true, true);
            attention_in_fences(k, lengths[i], dims[j], false, false);
            attention_in_fences(k, lengths[i], dims[j], false, true);
        }
    return 0;
}

/* The others likewise, on n numbers and n rows of 3. */
static inline void rows_in_fences(const struct simd *k, size_t n, bool at_start)
{
    enum { ROWS = 5 };
    struct fenced f[] = {fenced_bytes(n * 4, at_start), fenced_bytes(n * ROWS * 4, at_start),
                         fenced_bytes(n * ROWS * 4, at_start), fenced_bytes(n * ROWS, at_start),
                         fenced_bytes(n * 4, at_start)};
    float out[ROWS];

    k->dot(f[0].v, f[4].v, n);
    k->dot_rows(f[0].v, f[1].v, ROWS, n, out);
    k->dot_rows_i8(f[0].v, f[3].v, ROWS, n, 1, out);
    k->add(f[1].v, f[2].v, n * ROWS);
    k->gelu(f[1].v, n * ROWS);
    k->add_norm(f[1].v, f[2].v, n ? ROWS : 0, n, f[0].v, f[4].v, 1e-6f);
    unfence(f, sizeof f / sizeof *f);
}

static inline double gap_rows_fenced(const struct simd *k)
{
    for (size_t i = 0; i < N_LENGTHS; i++) {
        rows_in_fences(k, odd_lengths[i], false);
        rows_in_fences(k, odd_lengths[i], true);
    }
    return 0;
}

static const struct kernel_check {
    const char *name;
    double (*gap)(const struct simd *k);
    double tolerance;
} kernel_checks[] = {
    {"dot", gap_dot, 1e-6},
    {"dot_rows", gap_dot_rows, 1e-6},
    {"dot_rows_i8", gap_dot_rows_i8, 1e-6},
    {"sums", gap_sums, 0},
    {"count_each", gap_count_each, 0},
    {"to_units", gap_to_units, 0},
    {"product in f32", gap_product_f32, 1e-6},
    {"product in bf16", gap_product_bf16, 1e-6},
    {"product in int8", gap_product_int8, 5e-7},
    {"product of the largest bytes", gap_int8_ends, 5e-7},
    {"prepare has the bits of plain C", gap_prepare, 0},
    {"prepare to bytes keeps every kind of row", gap_bytes, 5e-7},
    {"GELU behind a product in f32", gap_gelu_exact, 1e-6},
    {"GELU behind a product in bf16 and int8", gap_gelu_near, GELU_NEAR_ERROR},
    {"product gives a row alone the bits it has among others", gap_row_alone, 0},
    {"prepare and product stay in their memory", gap_product_fenced, 0},
    {"attention stays in its memory", gap_attention_fenced, 0},
    {"the others stay in theirs", gap_rows_fenced, 0},
    {"codes of floats are those of plain C", gap_to_codes, 0},
    {"codes give the integers of plain C", gap_codes, 0},
    {"gathered rows have the bits of the scan", gap_dot_gather, 0},
    {"codes stay in their memory", gap_codes_fenced, 0},
    {"add", gap_add, 0},
    {"add_scaled", gap_add_scaled, 2e-7},
    {"gather and scatter", gap_sparse, 1e-5},
    {"gelu", gap_gelu, 1e-6},
    {"add_norm", gap_add_norm, 1e-5},
    {"attention", gap_attention, 5e-5}, /* scores up to 100: their last bit is 8e-6 */
    {"attention that may be of bf16", gap_attention_near, 2e-2}, /* scores up to 30 */
};
#define N_KERNEL_CHECKS (sizeof kernel_checks / sizeof *kernel_checks)
