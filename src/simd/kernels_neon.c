/* kernels_neon.c - the vector kernels built for 64-bit ARM. */
#include "simd/vec_table.h"

const struct simd simd_neon = VEC_TABLE(SIMD_NEON);
