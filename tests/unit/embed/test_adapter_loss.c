#include "embed/adapter_loss.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

#define DIM 13
#define N   7
#define M   11

static float q[N * DIM], c[M * DIM], w[DIM * DIM];
static uint32_t right[N];
static bool left_out[N * M];

static float between(void)
{
    return (float)rand() / (float)RAND_MAX - 0.5f;
}

static void fill_rows(float *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        float squares = 0;

        for (size_t j = 0; j < DIM; j++) {
            v[i * DIM + j] = between();
            squares += v[i * DIM + j] * v[i * DIM + j];
        }
        for (size_t j = 0; j < DIM; j++)
            v[i * DIM + j] /= sqrtf(squares);
    }
}

static struct adapter_batch made(void)
{
    srand(11);
    fill_rows(q, N);
    fill_rows(c, M);
    for (size_t i = 0; i < DIM * DIM; i++)
        w[i] = between() * 0.3f + (i % (DIM + 1) == 0);
    for (size_t i = 0; i < N; i++)
        right[i] = (uint32_t)(i * 3 % M);
    left_out[1 * M + 5] = left_out[4 * M + 2] = true;
    return (struct adapter_batch){.dim = DIM,
                                  .n = N,
                                  .m = M,
                                  .questions = q,
                                  .candidates = c,
                                  .right = right,
                                  .left_out = left_out,
                                  .temperature = 0.2f};
}

/* The definition, in doubles. */
static double plainly(const struct adapter_batch *b, const double *weights)
{
    double loss = 0;

    for (size_t i = 0; i < b->n; i++) {
        double u[DIM] = {0}, squares = 0, sum = 0, own = 0;

        for (size_t r = 0; r < DIM; r++) {
            for (size_t k = 0; k < DIM; k++)
                u[r] += weights[r * DIM + k] * (double)b->questions[i * DIM + k];
            squares += u[r] * u[r];
        }
        for (size_t j = 0; j < b->m; j++) {
            double dot = 0;

            for (size_t k = 0; k < DIM; k++)
                dot += u[k] * (double)b->candidates[j * DIM + k];
            dot /= sqrt(squares) * (double)b->temperature;
            if (!(b->left_out && b->left_out[i * b->m + j]))
                sum += exp(dot);
            if (j == b->right[i])
                own = dot;
        }
        loss += (log(sum) - own) / (double)b->n;
    }
    return loss;
}

Test(adapter_loss, is_that_of_the_definition)
{
    struct adapter_batch b = made();
    float *room = calloc(adapter_loss_room(DIM, N, M), sizeof *room);
    double exact[DIM * DIM];

    for (size_t i = 0; i < DIM * DIM; i++)
        exact[i] = (double)w[i];
    cr_expect_float_eq(adapter_loss(&b, w, NULL, room), plainly(&b, exact), 1e-5);
    b.left_out = NULL;
    cr_expect_float_eq(adapter_loss(&b, w, NULL, room), plainly(&b, exact), 1e-5);
    free(room);
}

Test(adapter_loss, gradient_is_what_finite_differences_say)
{
    struct adapter_batch b = made();
    float *room = calloc(adapter_loss_room(DIM, N, M), sizeof *room), gradient[DIM * DIM];
    double exact[DIM * DIM], h = 1e-5;

    for (size_t i = 0; i < DIM * DIM; i++)
        exact[i] = (double)w[i];
    adapter_loss(&b, w, gradient, room);
    for (size_t i = 0; i < DIM * DIM; i++) {
        double at = exact[i], more, less;

        exact[i] = at + h;
        more = plainly(&b, exact);
        exact[i] = at - h;
        less = plainly(&b, exact);
        exact[i] = at;
        cr_expect_float_eq((double)gradient[i], (more - less) / (2 * h), 2e-5, "at %zu: %g, %g", i,
                           (double)gradient[i], (more - less) / (2 * h));
    }
    free(room);
}

Test(adapter_loss, one_candidate_alone_costs_nothing)
{
    struct adapter_batch b = made();
    float *room = calloc(adapter_loss_room(DIM, N, M), sizeof *room), gradient[DIM * DIM];

    b.n = b.m = 1;
    b.left_out = NULL;
    cr_expect_float_eq(adapter_loss(&b, w, gradient, room), 0, 1e-6);
    for (size_t i = 0; i < DIM * DIM; i++)
        cr_expect_float_eq(gradient[i], 0, 1e-6f);
    free(room);
}

Test(adapter_loss, scores_far_apart_stay_finite)
{
    struct adapter_batch b = made();
    float *room = calloc(adapter_loss_room(DIM, N, M), sizeof *room), gradient[DIM * DIM];
    double loss;

    b.temperature = 1e-4f;
    loss = adapter_loss(&b, w, gradient, room);
    cr_expect(isfinite(loss));
    cr_expect_gt(loss, 1);
    for (size_t i = 0; i < DIM * DIM; i++)
        cr_expect(isfinite(gradient[i]));
    free(room);
}
