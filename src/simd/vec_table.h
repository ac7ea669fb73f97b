/* vec_table.h - the table of a level, of the vector kernels as they are compiled in this file. */
#pragma once
#include "simd/levels.h"
#include "simd/vec_attention.h"
#include "simd/vec_codes.h"
#include "simd/vec_dot.h"
#include "simd/vec_product.h"
#include "simd/vec_rows.h"
#include "simd/vec_sums.h"

#define VEC_TABLE(l)                                                                               \
    {                                                                                              \
        .level = l, .dot = vec_dot, .dot_rows = vec_dot_rows, .dot_rows_i8 = vec_dot_rows_i8,      \
        .dot_gather = vec_dot_gather, .largest = vec_largest, .to_codes = vec_to_codes,            \
        .codes_rows = vec_codes_rows, .codes_gather = vec_codes_gather, .add = vec_add,            \
        .add_scaled = vec_add_scaled, .gather = vec_gather, .scatter = vec_scatter,                \
        .prepare = vec_prepare, .product = vec_product, .gelu = vec_gelu,                          \
        .add_norm = vec_add_norm, .count_reaching = vec_count_reaching,                            \
        .take_reaching = vec_take_reaching, .count_each = vec_count_each,                          \
        .to_units = vec_to_units, .attention = vec_attention,                                      \
    }
