#include "simd/simd.h"

#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "base/err.h"
#include "simd/levels.h"
#include "simd/scalar.h"

static const struct simd simd_scalar = {
    .level = SIMD_SCALAR,
    .dot = dot_scalar,
    .dot_rows = dot_rows_scalar,
    .dot_rows_i8 = dot_rows_i8_scalar,
    .dot_gather = dot_gather_scalar,
    .largest = largest_scalar,
    .to_codes = to_codes_scalar,
    .codes_rows = codes_rows_scalar,
    .codes_gather = codes_gather_scalar,
    .add = add_scalar,
    .add_scaled = add_scaled_scalar,
    .gather = gather_scalar,
    .scatter = scatter_scalar,
    .prepare = prepare_scalar,
    .product = product_scalar,
    .gelu = gelu_scalar,
    .add_norm = add_norm_scalar,
    .count_reaching = count_reaching_scalar,
    .take_reaching = take_reaching_scalar,
    .count_each = count_each_scalar,
    .to_units = to_units_scalar,
    .attention = attention_scalar,
};

const struct simd *simd_level(enum simd_level level)
{
    if (!cpu_has_level(level))
        return NULL;
    switch (level) {
    case SIMD_SCALAR: return &simd_scalar;
#if defined(__x86_64__)
    case SIMD_AVX2: return &simd_avx2;
    case SIMD_AVXVNNI: return &simd_avxvnni;
    case SIMD_AVX512: return &simd_avx512;
    case SIMD_AVX512VNNI: return &simd_avx512vnni;
    case SIMD_AVX512BF16: return &simd_avx512bf16;
#elif defined(__aarch64__)
    case SIMD_NEON: return &simd_neon;
    case SIMD_NEONDOT: return &simd_neondot;
#endif
    default: return NULL;
    }
}

/* Sums, scores, queries, values and keys of one head (vec_attention.h). */
size_t simd_attention_scratch(size_t t, size_t head_dim)
{
    size_t padded_dim = (head_dim + MATRIX_PANEL - 1) / MATRIX_PANEL * MATRIX_PANEL;

    return MATRIX_PANEL * (1 + t + head_dim) + padded_dim * t + rows_stride(head_dim) * t / 2;
}

static const struct simd *chosen;

static void choose(void)
{
    enum simd_level level;

    if (cpu_chosen_level(&level) < 0) {
        fprintf(stderr, "ragd: %s\n", err_text());
        _exit(2);
    }
    chosen = simd_level(level);
}

const struct simd *simd_get(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, choose);
    return chosen;
}
