/* compare.h - every kernel of one table against the plain C ones, at sizes that fit nothing.
 *
 * Shared by the unit tests (every level of this machine) and tests/neon (a program without test
 * framework, run by an emulator). A gap is the largest difference met, measured so that rounding
 * alone stays under its tolerance: for sums of products relative to the sum of their sizes.
 */
#pragma once
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/mem.h"
#include "simd/simd.h"

/* The same numbers everywhere, -1..1. */
static inline float next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return (float)(int32_t)*state / 2147483648.0f;
}

static inline float *random_floats(size_t n, uint32_t seed)
{
    float *p = mem_alloc((n ? n : 1) * sizeof *p);

    for (size_t i = 0; i < n; i++)
        p[i] = next_random(&seed);
    return p;
}

static inline double largest_gap(const float *a, const float *b, size_t n)
{
    double gap = 0;

    for (size_t i = 0; i < n; i++) {
        double d = fabs((double)a[i] - (double)b[i]);

        gap = d > gap || isnan(d) ? d : gap;
        if (isnan(d))
            return HUGE_VAL;
    }
    return gap;
}

static const size_t odd_lengths[] = {0,  1,  2,  3,  4,   5,   7,   8,   15,  16,  17,  31,
                                     32, 33, 63, 64, 100, 127, 129, 383, 384, 385, 1000};
#define N_LENGTHS (sizeof odd_lengths / sizeof *odd_lengths)

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

/* One product of a shape, into a c that is wider than n, whose other columns must stay. */
static inline double gap_of_product(const struct simd *k, size_t m, size_t n, size_t depth)
{
    size_t ldc = n + 3;
    float *a = random_floats(m * depth, 7), *w = random_floats(n * depth, 8);
    float *bias = random_floats(n, 9), *got = random_floats(m * ldc, 10);
    float *packed = mem_alloc_aligned(simd_packed_floats(n, depth) * sizeof *packed);
    uint32_t seed = 10;
    double worst = 0;

    simd_pack(w, n, depth, 1, 0, packed);
    k->gemm(a, m, depth, packed, bias, n, got, ldc);
    for (size_t r = 0; r < m; r++) {
        for (size_t col = 0; col < ldc; col++) {
            float before = next_random(&seed);
            double sum = col < n ? bias[col] : before, size = fabs(sum);

            for (size_t i = 0; i < depth && col < n; i++) {
                sum += (double)a[r * depth + i] * w[col * depth + i];
                size += fabs((double)a[r * depth + i] * w[col * depth + i]);
            }
            worst = fmax(worst, fabs(got[r * ldc + col] - sum) / (size + 1e-9));
        }
    }
    mem_free(a);
    mem_free(w);
    mem_free(bias);
    mem_free(got);
    mem_free(packed);
    return worst;
}

static inline double gap_gemm(const struct simd *k)
{
    static const size_t wide[] = {1, 16, 31, 32, 33, 48, 95, 96};
    static const size_t deep[] = {0, 1, 2, 7, 32, 129};
    double worst = 0;

    for (size_t m = 0; m <= 26; m++)
        for (size_t i = 0; i < sizeof wide / sizeof *wide; i++)
            for (size_t j = 0; j < sizeof deep / sizeof *deep; j++)
                worst = fmax(worst, gap_of_product(k, m, wide[i], deep[j]));
    return fmax(worst, gap_of_product(k, 13, 64, 1536));
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

static inline double gap_of_sequence(const struct simd *k, size_t t, size_t heads, size_t head_dim)
{
    size_t width = heads * head_dim;
    float *qkv = random_floats(t * 3 * width, 18);
    float *got = random_floats(t * width, 19), *want = random_floats(t * width, 20);
    float *scratch = mem_alloc_aligned(simd_attention_scratch(t, head_dim) * sizeof *scratch);
    double gap;

    for (size_t i = 0; i < t * 3 * width; i++)
        qkv[i] *= 3; /* scores from -50 to 50: a softmax that is not flat */
    k->attention(qkv, got, t, heads, head_dim, scratch);
    simd_level(SIMD_SCALAR)->attention(qkv, want, t, heads, head_dim, scratch);
    gap = largest_gap(got, want, t * width);
    mem_free(qkv);
    mem_free(got);
    mem_free(want);
    mem_free(scratch);
    return gap;
}

static inline double gap_attention(const struct simd *k)
{
    static const size_t lengths[] = {1, 2, 11, 12, 13, 31, 32, 33, 64, 67};
    static const size_t dims[] = {1, 8, 32, 33, 64, 80};
    double worst = 0;

    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
        for (size_t j = 0; j < sizeof dims / sizeof *dims; j++)
            worst = fmax(worst, gap_of_sequence(k, lengths[i], 3, dims[j]));
    return worst;
}

/* n floats whose last one ends at a page that may not be touched. */
struct fenced {
    float *v;
    char *map;
    size_t n_bytes;
};

static inline struct fenced fenced_floats(size_t n)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE),
           bytes = (n * sizeof(float) + page - 1) / page * page;
    struct fenced f = {.n_bytes = bytes + page};

    f.map = mmap(NULL, f.n_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (f.map == MAP_FAILED || mprotect(f.map + bytes, page, PROT_NONE) < 0)
        abort();
    f.v = (float *)(void *)(f.map + bytes) - n;
    return f;
}

/* Products and attention in memory without a byte to spare: a touch behind it ends the process. */
static inline double gap_fenced(const struct simd *k)
{
    static const size_t rows[] = {1, 5, 6, 12, 13};

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (size_t n = 31; n <= 33; n++) {
            size_t m = rows[i], t = rows[i], depth = 7, dim = n,
                   packed = simd_packed_floats(n, depth);
            struct fenced f[] = {fenced_floats(m * depth),
                                 fenced_floats(packed),
                                 fenced_floats(n),
                                 fenced_floats(m * n),
                                 fenced_floats(t * 3 * dim),
                                 fenced_floats(t * dim),
                                 fenced_floats(simd_attention_scratch(t, dim))};

            k->gemm(f[0].v, m, depth, f[1].v, f[2].v, n, f[3].v, n);
            k->attention(f[4].v, f[5].v, t, 1, dim, f[6].v);
            for (size_t j = 0; j < sizeof f / sizeof *f; j++)
                munmap(f[j].map, f[j].n_bytes);
        }
    }
    return 0;
}

/* A row alone and the same row among others give the same bits. */
static inline double gap_row_alone(const struct simd *k)
{
    enum { M = 29, N = 40, K = 50 };
    float *a = random_floats(M * K, 21), *w = random_floats(N * K, 22), bias[N] = {0};
    float *packed = mem_alloc_aligned(simd_packed_floats(N, K) * sizeof *packed);
    float together[M * N], alone[N];
    double worst = 0;

    simd_pack(w, N, K, 1, 0, packed);
    k->gemm(a, M, K, packed, bias, N, together, N);
    for (size_t r = 0; r < M; r++) {
        k->gemm(a + r * K, 1, K, packed, bias, N, alone, N);
        worst = fmax(worst, largest_gap(alone, together + r * N, N));
    }
    mem_free(a);
    mem_free(w);
    mem_free(packed);
    return worst;
}

static const struct kernel_check {
    const char *name;
    double (*gap)(const struct simd *k);
    double tolerance;
} kernel_checks[] = {
    {"dot", gap_dot, 1e-6},
    {"dot_rows", gap_dot_rows, 1e-6},
    {"dot_rows_i8", gap_dot_rows_i8, 1e-6},
    {"gemm", gap_gemm, 1e-6},
    {"gemm gives a row alone the bits it has among others", gap_row_alone, 0},
    {"gemm and attention stay in their memory", gap_fenced, 0},
    {"add", gap_add, 0},
    {"gelu", gap_gelu, 1e-6},
    {"add_norm", gap_add_norm, 1e-5},
    {"attention", gap_attention, 5e-5}, /* scores up to 100: their last bit is 8e-6 */
};
#define N_KERNEL_CHECKS (sizeof kernel_checks / sizeof *kernel_checks)
