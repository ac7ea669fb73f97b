#include "base/check.h"
#include "simd/simd.h"

/* So many inputs of a panel are moved at a time that both sides stay in the first-level cache:
 * a line of every source row, and 2 KiB of panel. */
#define BLOCK 16

size_t simd_packed_floats(size_t n, size_t k)
{
    return (n + SIMD_PANEL - 1) / SIMD_PANEL * SIMD_PANEL * k;
}

static void pack_block(const float *w, size_t n, size_t k, float scale, size_t n_inputs,
                       size_t first_col, float *panel)
{
    for (size_t row = 0; row < n; row++) {
        float *to = panel + first_col + row;

        for (size_t i = 0; i < n_inputs; i++)
            to[i * SIMD_PANEL] = scale * w[row * k + i];
    }
}

void simd_pack(const float *w, size_t n, size_t k, float scale, size_t first_col, float *packed)
{
    size_t row = 0;

    while (row < n) {
        size_t col = first_col + row, in_panel = col % SIMD_PANEL;
        float *panel = packed + (col - in_panel) * k;
        size_t n_rows = SIMD_PANEL - in_panel;

        if (n_rows > n - row)
            n_rows = n - row;
        for (size_t i = 0; i < k; i += BLOCK)
            pack_block(w + row * k + i, n_rows, k, scale, k - i < BLOCK ? k - i : BLOCK, in_panel,
                       panel + i * SIMD_PANEL);
        row += n_rows;
    }
    DCHECK(row == n);
}
