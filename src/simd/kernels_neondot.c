/* kernels_neondot.c - the vector kernels built for 64-bit ARM with the dot products of version 8.2.
 */
#include "simd/vec_table.h"

const struct simd simd_neondot = VEC_TABLE(SIMD_NEONDOT);
