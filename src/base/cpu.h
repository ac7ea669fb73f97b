/* cpu.h - what this processor can do, and which of it is used.
 *
 * RAGD_SIMD=scalar|avx2|avx512|neon forces a level, so that every one can be tested anywhere.
 */
#pragma once
#include <stdbool.h>

enum simd_level { SIMD_SCALAR, SIMD_NEON, SIMD_AVX2, SIMD_AVX512 };

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
