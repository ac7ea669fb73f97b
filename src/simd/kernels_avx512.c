/* kernels_avx512.c - the vector kernels built for AVX-512 (F, BW, VL, DQ). */
#include "simd/vec_table.h"

const struct simd simd_avx512 = VEC_TABLE(SIMD_AVX512);
