#include "simd/scalar.h"

size_t count_reaching_scalar(const int16_t *sums, size_t n, int16_t least)
{
    size_t found = 0;

    for (size_t i = 0; i < n; i++)
        found += sums[i] >= least;
    return found;
}

size_t take_reaching_scalar(int16_t *sums, size_t n, int16_t least, uint32_t *out)
{
    size_t found = 0;

    for (size_t i = 0; i < n; i++) {
        if (sums[i] >= least)
            out[found++] = (uint32_t)sums[i] << 16 | (uint32_t)i;
        sums[i] = 0;
    }
    return found;
}

void count_each_scalar(const uint32_t *v, size_t n, const uint32_t *x, uint32_t *times)
{
    for (size_t j = 0; j < SIMD_EACH; j++) {
        times[j] = 0;
        for (size_t i = 0; i < n; i++)
            times[j] += v[i] == x[j];
    }
}

void to_units_scalar(const float *x, float a, int16_t *out, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = (int16_t)((int32_t)(x[i] * a) + 1);
}
