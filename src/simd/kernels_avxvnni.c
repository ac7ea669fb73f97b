/* kernels_avxvnni.c - the vector kernels built for AVX2, FMA and AVX-VNNI. */
#include "simd/vec_table.h"

const struct simd simd_avxvnni = VEC_TABLE(SIMD_AVXVNNI);
