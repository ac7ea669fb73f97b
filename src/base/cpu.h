/* cpu.h - what this processor can do, and which of it is used.
 *
 * RAGD_SIMD=scalar|neon|neondot|avx2|avxvnni|avx512|avx512vnni|avx512bf16 forces a level, so that
 * every one can be tested anywhere. A later level has what those before it (of its kind) have.
 */
#pragma once
#include <stdbool.h>

enum simd_level {
    SIMD_SCALAR,
    SIMD_NEON,
    SIMD_NEONDOT, /* dot products of bytes */
    SIMD_AVX2,
    SIMD_AVXVNNI, /* dot products of bytes */
    SIMD_AVX512,
    SIMD_AVX512VNNI, /* dot products of bytes */
    SIMD_AVX512BF16, /* and of bfloat16 */
};
#define N_SIMD_LEVELS (SIMD_AVX512BF16 + 1)

/* The best level that processor and system support. */
enum simd_level cpu_best_level(void);

/* The level to use: RAGD_SIMD, else the best. ERR_ARGUMENT for an unknown word,
 * ERR_UNSUPPORTED for a level that this processor lacks. */
int cpu_chosen_level(enum simd_level *out);

const char *simd_level_name(enum simd_level level);
bool cpu_has_level(enum simd_level level);

/* "Intel(R) Xeon(R) ..." for benchmark headers; never NULL. */
const char *cpu_model_name(void);

/* Processors this process may run on. */
int cpu_count(void);
