/* kernels_neon.c - the vector kernels built for 64-bit ARM's NEON. */
#include "simd/levels.h"
#include "simd/vec_attention.h"
#include "simd/vec_dot.h"
#include "simd/vec_gemm.h"
#include "simd/vec_rows.h"

const struct simd simd_neon = {
    .level = SIMD_NEON,
    .dot = vec_dot,
    .dot_rows = vec_dot_rows,
    .dot_rows_i8 = vec_dot_rows_i8,
    .add = vec_add,
    .gemm = vec_gemm,
    .gelu = vec_gelu,
    .add_norm = vec_add_norm,
    .attention = vec_attention,
};
