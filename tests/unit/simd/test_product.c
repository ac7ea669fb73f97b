#include <criterion/criterion.h>

#include "base/mem.h"
#include "simd/scalar.h"
#include "simd/simd.h"

Test(gemm, multiplies_rows_by_the_rows_of_a_checkpoint)
{
    float a[] = {1, 2, 3, 4};                /* [2, 2] */
    float w[] = {1, 0, 0, 1, 1, 1, 2, -1};   /* [4, 2]: out_dim, in_dim */
    float bias[] = {0, 0, 100, 0}, c[2 * 5]; /* c is one wider than n */
    float *packed = mem_alloc_aligned(simd_packed_floats(4, 2) * sizeof *packed);

    c[4] = c[9] = 7;
    simd_pack(w, 4, 2, 1, 0, packed);
    gemm_scalar(a, 2, 2, packed, bias, 4, c, 5);
    cr_expect_arr_eq(c, ((float[]){1, 2, 103, 0, 7, 3, 4, 107, 2, 7}), sizeof c);
    mem_free(packed);
}
