/* kernels_avx512vnni.c - the vector kernels built for AVX-512 with VNNI. */
#include "simd/vec_table.h"

const struct simd simd_avx512vnni = VEC_TABLE(SIMD_AVX512VNNI);
