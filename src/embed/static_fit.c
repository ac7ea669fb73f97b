#include "embed/static_fit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/err.h"
#include "base/mem.h"
#include "simd/simd.h"

#define COLUMNS  SIMD_COLUMNS /* of a slice: two lines of the cache a token */
#define NO_PLACE UINT32_MAX

struct static_samples {
    size_t vocab, dim;
    uint32_t *place_of; /* [vocab] token -> place, NO_PLACE */
    int32_t *ids;       /* [n_places] place -> token */
    float *squares;     /* [n_places] the diagonal of A'A */
    float *moments;     /* [n_places, dim] A'B, and in the end X */
    size_t n_places, cap_ids, cap_squares, cap_moments;
    /* One entry for each different token of each text. Places are given in the order of first
     * appearance, so those of frequent tokens lie together. */
    uint32_t *places; /* [n_entries] */
    float *weights;   /* [n_entries] */
    size_t n_entries, cap_places, cap_weights;
    size_t *ends; /* [n_texts] into the entries */
    size_t n_texts, cap_ends;
};

struct static_samples *static_samples_new(size_t vocab, size_t dim)
{
    struct static_samples *s = mem_calloc(1, sizeof *s);

    CHECK(vocab <= STATIC_VOCAB_MAX);
    CHECK(dim > 0 && dim <= STATIC_DIM_MAX);
    s->vocab = vocab;
    s->dim = dim;
    s->place_of = mem_alloc((vocab + 1) * sizeof *s->place_of);
    for (size_t i = 0; i < vocab; i++)
        s->place_of[i] = NO_PLACE;
    return s;
}

void static_samples_free(struct static_samples *s)
{
    if (!s)
        return;
    mem_free(s->place_of);
    mem_free(s->ids);
    mem_free(s->squares);
    mem_free(s->moments);
    mem_free(s->places);
    mem_free(s->weights);
    mem_free(s->ends);
    mem_free(s);
}

size_t static_samples_count(const struct static_samples *s)
{
    return s->n_texts;
}

/* ---- collecting ---- */

static uint32_t place_of(struct static_samples *s, int32_t id)
{
    size_t n = s->n_places;

    CHECK(id >= 0 && (size_t)id < s->vocab);
    if (s->place_of[id] != NO_PLACE)
        return s->place_of[id];
    s->ids = mem_grow(s->ids, &s->cap_ids, n + 1, sizeof *s->ids);
    s->squares = mem_grow(s->squares, &s->cap_squares, n + 1, sizeof *s->squares);
    s->moments = mem_grow(s->moments, &s->cap_moments, (n + 1) * s->dim, sizeof *s->moments);
    s->ids[n] = id;
    s->squares[n] = 0;
    memset(s->moments + n * s->dim, 0, s->dim * sizeof *s->moments);
    s->place_of[id] = (uint32_t)n;
    s->n_places++;
    return (uint32_t)n;
}

static int by_id(const void *a, const void *b)
{
    const int32_t *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

/* The entries of a text, weights not yet divided by their sum; returns the sum. Room is there. */
static float count_tokens(struct static_samples *s, const struct token *tokens, size_t n,
                          size_t *n_out)
{
    uint32_t *places = s->places + s->n_entries;
    float *weights = s->weights + s->n_entries;
    int32_t ids[STATIC_TOKENS_MAX] = {0};
    float sum = 0;

    *n_out = 0;
    for (size_t i = 0; i < n; i++)
        ids[i] = tokens[i].id;
    qsort(ids, n, sizeof *ids, by_id);
    for (size_t i = 0, end; i < n; i = end) {
        for (end = i + 1; end < n && ids[end] == ids[i];)
            end++;
        places[*n_out] = place_of(s, ids[i]);
        weights[*n_out] = sqrtf((float)(end - i));
        sum += weights[(*n_out)++];
    }
    return sum;
}

bool static_samples_add(struct static_samples *s, const struct token *tokens, size_t n,
                        const float *target)
{
    const struct simd *k = simd_get();
    size_t n_row = 0, end;
    float sum, squares = k->dot(target, target, s->dim);

    n = n < STATIC_TOKENS_MAX ? n : STATIC_TOKENS_MAX;
    if (s->n_entries + n > STATIC_FIT_ENTRIES_MAX)
        return false;
    if (n == 0 || !(squares > 0) || !isfinite(squares))
        return true;
    s->places = mem_grow(s->places, &s->cap_places, s->n_entries + n, sizeof *s->places);
    s->weights = mem_grow(s->weights, &s->cap_weights, s->n_entries + n, sizeof *s->weights);
    s->ends = mem_grow(s->ends, &s->cap_ends, s->n_texts + 1, sizeof *s->ends);
    sum = count_tokens(s, tokens, n, &n_row);
    for (end = s->n_entries + n_row; s->n_entries < end; s->n_entries++) {
        uint32_t place = s->places[s->n_entries];
        float weight = s->weights[s->n_entries] /= sum;

        s->squares[place] += weight * weight;
        k->add_scaled(s->moments + place * s->dim, target, weight, s->dim);
    }
    s->ends[s->n_texts++] = s->n_entries;
    return true;
}

/* ---- solving ---- */

struct fit {
    struct static_samples *s;
    const struct simd *kernels;
    const atomic_bool *cancel;
};

static bool cancelled(const struct fit *f)
{
    return f->cancel && atomic_load(f->cancel);
}

/* One slice of the columns; arrays are [n_places, COLUMNS], the columns past `dim` are zero. */
struct slice {
    size_t first, width;
    float *x, *r, *p, *q;
    float rz[COLUMNS]; /* of each column */
};

/* q = (A'A + lambda) p */
static void multiply(const struct fit *f, struct slice *c)
{
    const struct static_samples *s = f->s;
    size_t at = 0;

    for (size_t i = 0; i < s->n_places * COLUMNS; i++)
        c->q[i] = STATIC_FIT_LAMBDA * c->p[i];
    for (size_t i = 0; i < s->n_texts; i++) {
        const uint32_t *places = s->places + at;
        const float *weights = s->weights + at;
        size_t n = s->ends[i] - at;
        float sum[COLUMNS];

        f->kernels->gather(c->p, places, weights, n, sum);
        f->kernels->scatter(c->q, places, weights, n, sum);
        at += n;
    }
}

static void dot_columns(const float *a, const float *b, size_t n, float *out)
{
    memset(out, 0, COLUMNS * sizeof *out);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < COLUMNS; j++)
            out[j] += a[i * COLUMNS + j] * b[i * COLUMNS + j];
}

/* x += a p, r -= a q */
static void advance(size_t n, struct slice *c)
{
    float a[COLUMNS], pq[COLUMNS];

    dot_columns(c->p, c->q, n, pq);
    for (size_t j = 0; j < COLUMNS; j++)
        a[j] = pq[j] > 0 ? c->rz[j] / pq[j] : 0;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < COLUMNS; j++) {
            c->x[i * COLUMNS + j] += a[j] * c->p[i * COLUMNS + j];
            c->r[i * COLUMNS + j] -= a[j] * c->q[i * COLUMNS + j];
        }
}

/* z = M r (kept in q, which is free now), p = z + b p; b is 0 at the first step. */
static void turn(const struct static_samples *s, struct slice *c, bool first)
{
    float b[COLUMNS], rz[COLUMNS];

    for (size_t i = 0; i < s->n_places; i++)
        for (size_t j = 0; j < COLUMNS; j++)
            c->q[i * COLUMNS + j] = c->r[i * COLUMNS + j] / (s->squares[i] + STATIC_FIT_LAMBDA);
    dot_columns(c->r, c->q, s->n_places, rz);
    for (size_t j = 0; j < COLUMNS; j++)
        b[j] = !first && c->rz[j] > 0 ? rz[j] / c->rz[j] : 0;
    for (size_t i = 0; i < s->n_places; i++)
        for (size_t j = 0; j < COLUMNS; j++)
            c->p[i * COLUMNS + j] = c->q[i * COLUMNS + j] + b[j] * c->p[i * COLUMNS + j];
    memcpy(c->rz, rz, sizeof rz);
}

static void fit_slice(void *arg, size_t i_slice)
{
    const struct fit *f = arg;
    struct static_samples *s = f->s;
    size_t n = s->n_places * COLUMNS, first = i_slice * COLUMNS;
    float *room = mem_calloc(4 * n, sizeof *room);
    struct slice c = {
        .first = first, .x = room, .r = room + n, .p = room + 2 * n, .q = room + 3 * n};

    c.width = s->dim - first < COLUMNS ? s->dim - first : COLUMNS;
    for (size_t i = 0; i < s->n_places; i++)
        memcpy(c.r + i * COLUMNS, s->moments + i * s->dim + first, c.width * sizeof(float));
    for (int step = 0; step < STATIC_FIT_STEPS && !cancelled(f); step++) {
        turn(s, &c, step == 0);
        multiply(f, &c);
        advance(s->n_places, &c);
    }
    for (size_t i = 0; i < s->n_places; i++)
        memcpy(s->moments + i * s->dim + first, c.x + i * COLUMNS, c.width * sizeof(float));
    mem_free(room);
}

/* ---- the table ---- */

/* Rows in the order of their tokens' ids. */
static struct static_encoder *make_table(const struct static_samples *s,
                                         const struct static_origin *origin)
{
    int32_t *ids = mem_alloc(s->n_places * sizeof *ids);
    float *rows = mem_alloc(s->n_places * s->dim * sizeof *rows);
    struct static_encoder *made;

    memcpy(ids, s->ids, s->n_places * sizeof *ids);
    qsort(ids, s->n_places, sizeof *ids, by_id);
    for (size_t i = 0; i < s->n_places; i++)
        memcpy(rows + i * s->dim, s->moments + s->place_of[ids[i]] * s->dim, s->dim * sizeof *rows);
    made = static_encoder_new(origin, ids, rows, s->n_places, s->dim, s->vocab);
    mem_free(rows);
    mem_free(ids);
    return made;
}

int static_fit(struct static_samples *s, const struct static_origin *origin, struct pool *pool,
               const atomic_bool *cancel, struct static_encoder **out)
{
    struct fit f = {.s = s, .kernels = simd_get(), .cancel = cancel};
    size_t n_slices = (s->dim + COLUMNS - 1) / COLUMNS;

    if (s->n_texts == 0)
        return FAIL(ERR_ARGUMENT, "a static encoder needs texts with vectors, there are none");
    if (pool)
        pool_each(pool, n_slices, fit_slice, &f);
    else
        for (size_t i = 0; i < n_slices; i++)
            fit_slice(&f, i);
    if (cancelled(&f))
        return FAIL(ERR_CANCELLED, "fitting a static encoder was cancelled");
    *out = make_table(s, origin);
    return ERR_OK;
}
