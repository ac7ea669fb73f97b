/* kernels_avx2.c - the vector kernels built for AVX2 and FMA. */
#include "simd/vec_table.h"

const struct simd simd_avx2 = VEC_TABLE(SIMD_AVX2);
