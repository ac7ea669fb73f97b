#include <criterion/criterion.h>

#include "base/mem.h"
#include "simd/simd.h"

/* Where simd.h says that w[row][i] lies. */
static size_t place(size_t row, size_t i, size_t k)
{
    return row / SIMD_PANEL * SIMD_PANEL * k + i * SIMD_PANEL + row % SIMD_PANEL;
}

static void check_packed(size_t n, size_t k)
{
    float *w = mem_calloc(n * k, sizeof *w);
    float *packed = mem_alloc_aligned(simd_packed_floats(n, k) * sizeof *packed);
    double sum = 0;

    for (size_t i = 0; i < n * k; i++)
        w[i] = (float)(i + 1);
    simd_pack(w, n, k, 2, 0, packed);
    for (size_t row = 0; row < n; row++)
        for (size_t i = 0; i < k; i++)
            cr_expect_eq(packed[place(row, i, k)], 2 * w[row * k + i]);
    for (size_t i = 0; i < simd_packed_floats(n, k); i++)
        sum += packed[i];
    cr_expect_eq(sum, (double)(n * k) * (double)(n * k + 1), "the missing columns are zero");
    mem_free(w);
    mem_free(packed);
}

Test(pack, puts_every_weight_in_its_panel)
{
    check_packed(1, 1);
    check_packed(32, 16);
    check_packed(33, 17);
    check_packed(70, 40);
}

Test(pack, joins_matrices_at_any_column)
{
    float first[] = {1, 2, 3}, second[40];
    float *packed = mem_alloc_aligned(simd_packed_floats(43, 1) * sizeof *packed);

    for (size_t i = 0; i < 40; i++)
        second[i] = (float)(100 + i);
    simd_pack(first, 3, 1, 1, 0, packed);
    simd_pack(second, 40, 1, 1, 3, packed);
    cr_expect_eq(packed[2], 3.0f);
    cr_expect_eq(packed[3], 100.0f);
    cr_expect_eq(packed[42], 139.0f);
    mem_free(packed);
}
