/* kernels_avx512bf16.c - the vector kernels built for AVX-512 with VNNI and BF16. */
#include "simd/vec_table.h"

const struct simd simd_avx512bf16 = VEC_TABLE(SIMD_AVX512BF16);
