#include "simd/scalar.h"

float dot_scalar(const float *a, const float *b, size_t n)
{
    float sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

void dot_rows_scalar(const float *query, const float *rows, size_t n_rows, size_t dim, float *out)
{
    for (size_t r = 0; r < n_rows; r++)
        out[r] = dot_scalar(query, rows + r * dim, dim);
}

void dot_rows_i8_scalar(const float *query, const int8_t *rows, size_t n_rows, size_t dim,
                        float scale, float *out)
{
    for (size_t r = 0; r < n_rows; r++) {
        float sum = 0;

        for (size_t i = 0; i < dim; i++)
            sum += query[i] * (float)rows[r * dim + i];
        out[r] = scale * sum;
    }
}
