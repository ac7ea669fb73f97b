#include "embed/adapter_loss.h"

#include <math.h>
#include <string.h>

#include "simd/simd.h"

/* Weights of the softmax below this change nothing that f32 shows. */
#define NOTHING 1e-7f

#define LENGTH_MIN 1e-12f

size_t adapter_loss_room(size_t dim, size_t n, size_t m)
{
    return n * dim + dim + m;
}

/* Scores become the softmax over the candidates that count; returns minus its log at `right`. */
static double softmax(float *scores, size_t m, const bool *left_out, size_t right)
{
    float top = scores[right];
    double sum = 0, own = scores[right];

    for (size_t j = 0; j < m; j++)
        if (!(left_out && left_out[j]) && scores[j] > top)
            top = scores[j];
    for (size_t j = 0; j < m; j++) {
        scores[j] = left_out && left_out[j] ? 0 : expf(scores[j] - top);
        sum += scores[j];
    }
    for (size_t j = 0; j < m; j++)
        scores[j] = (float)(scores[j] / sum);
    return log(sum) - (own - top);
}

/* du [dim]: how the loss of one question moves with u, from its softmax p [m]. */
static void move_of(const struct adapter_batch *b, const float *p, const float *a, float length,
                    float *du)
{
    const struct simd *k = simd_get();
    float scale = 1 / (b->temperature * (float)b->n * length);

    memset(du, 0, b->dim * sizeof *du);
    for (size_t j = 0; j < b->m; j++)
        if (fabsf(p[j]) > NOTHING)
            k->add_scaled(du, b->candidates + j * b->dim, p[j] * scale, b->dim);
    k->add_scaled(du, a, -k->dot(du, a, b->dim), b->dim); /* along a nothing changes */
}

/* Row by row, so that a row of the gradient stays in the first-level cache. */
static void outer_products(const struct adapter_batch *b, const float *moves, float *gradient)
{
    const struct simd *k = simd_get();

    memset(gradient, 0, b->dim * b->dim * sizeof *gradient);
    for (size_t r = 0; r < b->dim; r++)
        for (size_t i = 0; i < b->n; i++)
            k->add_scaled(gradient + r * b->dim, b->questions + i * b->dim, moves[i * b->dim + r],
                          b->dim);
}

double adapter_loss(const struct adapter_batch *b, const float *weights, float *gradient,
                    float *room)
{
    const struct simd *k = simd_get();
    float *moves = room, *a = moves + b->n * b->dim, *scores = a + b->dim;
    double loss = 0;

    for (size_t i = 0; i < b->n; i++) {
        const bool *left_out = b->left_out ? b->left_out + i * b->m : NULL;
        float length;

        k->dot_rows(b->questions + i * b->dim, weights, b->dim, b->dim, a);
        length = fmaxf(sqrtf(k->dot(a, a, b->dim)), LENGTH_MIN);
        for (size_t d = 0; d < b->dim; d++)
            a[d] /= length;
        k->dot_rows(a, b->candidates, b->m, b->dim, scores);
        for (size_t j = 0; j < b->m; j++)
            scores[j] /= b->temperature;
        loss += softmax(scores, b->m, left_out, b->right[i]) / (double)b->n;
        scores[b->right[i]] -= 1;
        if (gradient)
            move_of(b, scores, a, length, moves + i * b->dim);
    }
    if (gradient)
        outer_products(b, moves, gradient);
    return loss;
}
