#include "embed/adapter_fit.h"

#include <math.h>
#include <string.h>

#include "base/check.h"
#include "base/err.h"
#include "base/mem.h"
#include "embed/adapter_loss.h"
#include "simd/simd.h"

#define MEAN_KEEP   0.9f /* Adam's beta 1 and 2 */
#define SQUARE_KEEP 0.999f
#define RATE_LAST   0.1f

/* Passages that wrong ones are sought among, and that a held part is compared with: a sample is
 * enough, and keeps the cost of a fit linear in the number of questions. */
#define SOUGHT_MAX 4096
#define SEEN_MAX   512
#define NO_PASSAGE UINT32_MAX
#define NO_PLACE   UINT32_MAX

/* Candidates of a batch: its own passages and the wrong ones. */
#define CANDIDATES_MAX (ADAPTER_BATCH * (1 + ADAPTER_WRONG) + SEEN_MAX)

struct fit {
    const struct adapter_data *data;
    const struct adapter_fit_options *o;
    uint64_t random;
    uint32_t *all, *learn, *held; /* pairs */
    size_t n_learn, n_held;
    uint32_t *wrong; /* [n_learn, ADAPTER_WRONG] passages, NO_PASSAGE */
    uint32_t *first; /* [n_questions + 1] its pairs */
    uint32_t *seen;  /* [n_seen] passages that the held part is compared with */
    size_t n_seen;
    int n_steps; /* of the whole fit, for the rate */
    int step;
    float *gradient, *mean, *square, *best; /* [dim, dim] */
    /* of a batch */
    uint32_t *place_of;                /* [n_passages] its place among the candidates, NO_PLACE */
    uint32_t ids[CANDIDATES_MAX];      /* [m] */
    uint32_t right[ADAPTER_BATCH];     /* [n] */
    uint32_t questions[ADAPTER_BATCH]; /* [n] */
    size_t n, m;
    float *q, *c, *room;
    bool *left_out;
};

/* ---- chance ---- */

/* Steele et al. 2014, "Fast splittable pseudorandom number generators": splitmix64. */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static void shuffle(uint32_t *v, size_t n, uint64_t *state)
{
    for (size_t i = n; i > 1; i--) {
        size_t j = next_random(state) % i;
        uint32_t kept = v[i - 1];

        v[i - 1] = v[j];
        v[j] = kept;
    }
}

/* ---- setting up ---- */

static void index_pairs(struct fit *f)
{
    const struct adapter_data *d = f->data;

    f->first = mem_calloc(d->n_questions + 1, sizeof *f->first);
    for (size_t i = 0; i < d->n_pairs; i++) {
        CHECK(d->pairs[i].question < d->n_questions && d->pairs[i].passage < d->n_passages);
        CHECK(i == 0 || d->pairs[i].question >= d->pairs[i - 1].question);
        f->first[d->pairs[i].question + 1] = (uint32_t)i + 1;
    }
    for (size_t i = 0; i < d->n_questions; i++)
        if (f->first[i + 1] < f->first[i])
            f->first[i + 1] = f->first[i];
}

static void divide(struct fit *f)
{
    const struct adapter_data *d = f->data;

    f->all = mem_calloc(d->n_pairs + 1, sizeof *f->all);
    f->learn = mem_calloc(d->n_pairs + 1, sizeof *f->learn);
    f->held = mem_calloc(d->n_pairs + 1, sizeof *f->held);
    for (size_t i = 0; i < d->n_pairs; i++) {
        f->all[i] = (uint32_t)i;
        if (f->o->held >= 0 && d->fold[d->pairs[i].question] == f->o->held)
            f->held[f->n_held++] = (uint32_t)i;
        else
            f->learn[f->n_learn++] = (uint32_t)i;
    }
}

static bool is_right(const struct fit *f, uint32_t question, uint32_t passage)
{
    for (uint32_t i = f->first[question]; i < f->first[question + 1]; i++)
        if (f->data->pairs[i].passage == passage)
            return true;
    return false;
}

/* The different passages of some pairs, in random order, at most `most`; the caller's. */
static uint32_t *different_passages(struct fit *f, const uint32_t *pairs, size_t n, size_t most,
                                    size_t *n_out)
{
    uint32_t *out = mem_alloc((n + 1) * sizeof *out);
    size_t count = 0;

    for (size_t i = 0; i < n; i++) {
        uint32_t passage = f->data->pairs[pairs[i]].passage;

        if (f->place_of[passage] == NO_PLACE) {
            f->place_of[passage] = 0;
            out[count++] = passage;
        }
    }
    for (size_t i = 0; i < count; i++)
        f->place_of[out[i]] = NO_PLACE;
    shuffle(out, count, &f->random);
    *n_out = count < most ? count : most;
    return out;
}

static void gather(const float *rows, size_t dim, const uint32_t *ids, size_t n, float *out)
{
    for (size_t i = 0; i < n; i++)
        memcpy(out + i * dim, rows + ids[i] * dim, dim * sizeof *out);
}

/* The nearest of `ids` that are not right for the question, best first. */
static void nearest_wrong(const struct fit *f, uint32_t question, const uint32_t *ids,
                          const float *scores, size_t n, uint32_t out[ADAPTER_WRONG])
{
    float best[ADAPTER_WRONG];

    for (size_t i = 0; i < ADAPTER_WRONG; i++) {
        best[i] = -INFINITY;
        out[i] = NO_PASSAGE;
    }
    for (size_t i = 0; i < n; i++) {
        size_t at = ADAPTER_WRONG;

        if (scores[i] <= best[ADAPTER_WRONG - 1] || is_right(f, question, ids[i]))
            continue;
        for (; at > 0 && scores[i] > best[at - 1]; at--)
            if (at < ADAPTER_WRONG) {
                best[at] = best[at - 1];
                out[at] = out[at - 1];
            }
        best[at] = scores[i];
        out[at] = ids[i];
    }
}

static void find_wrong(struct fit *f)
{
    const struct adapter_data *d = f->data;
    size_t n;
    uint32_t *ids = different_passages(f, f->learn, f->n_learn, SOUGHT_MAX, &n);
    float *rows = mem_alloc_aligned(n * d->dim * sizeof *rows);
    float *scores = mem_alloc((n + 1) * sizeof *scores);

    f->wrong = mem_alloc((f->n_learn + 1) * ADAPTER_WRONG * sizeof *f->wrong);
    gather(d->passages, d->dim, ids, n, rows);
    for (size_t i = 0; i < f->n_learn; i++) {
        uint32_t question = d->pairs[f->learn[i]].question;

        simd_get()->dot_rows(d->questions + question * d->dim, rows, n, d->dim, scores);
        nearest_wrong(f, question, ids, scores, n, f->wrong + i * ADAPTER_WRONG);
    }
    mem_free(scores);
    mem_free(rows);
    mem_free(ids);
}

static void set_up(struct fit *f)
{
    size_t dim = f->data->dim, matrix = dim * dim * sizeof(float);

    f->gradient = mem_alloc_aligned(matrix);
    f->mean = mem_alloc_aligned(matrix);
    f->square = mem_alloc_aligned(matrix);
    f->best = mem_alloc_aligned(matrix);
    f->place_of = mem_alloc((f->data->n_passages + 1) * sizeof *f->place_of);
    for (size_t i = 0; i < f->data->n_passages; i++)
        f->place_of[i] = NO_PLACE;
    f->q = mem_alloc_aligned(ADAPTER_BATCH * dim * sizeof *f->q);
    f->c = mem_alloc_aligned(CANDIDATES_MAX * dim * sizeof *f->c);
    f->room =
        mem_alloc_aligned(adapter_loss_room(dim, ADAPTER_BATCH, CANDIDATES_MAX) * sizeof *f->room);
    f->left_out = mem_alloc(ADAPTER_BATCH * CANDIDATES_MAX * sizeof *f->left_out);
    find_wrong(f);
    f->seen = different_passages(f, f->all, f->data->n_pairs, SEEN_MAX, &f->n_seen);
}

static void tear_down(struct fit *f)
{
    void *all[] = {f->all,      f->learn,    f->held, f->wrong,  f->first,
                   f->seen,     f->gradient, f->mean, f->square, f->best,
                   f->place_of, f->q,        f->c,    f->room,   f->left_out};

    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        mem_free(all[i]);
}

/* ---- a batch ---- */

static uint32_t add_candidate(struct fit *f, uint32_t passage)
{
    if (f->place_of[passage] == NO_PLACE) {
        f->place_of[passage] = (uint32_t)f->m;
        f->ids[f->m++] = passage;
    }
    return f->place_of[passage];
}

static void begin_batch(struct fit *f)
{
    f->n = f->m = 0;
}

static void add_question(struct fit *f, const struct adapter_pair *pair)
{
    f->questions[f->n] = pair->question;
    f->right[f->n++] = add_candidate(f, pair->passage);
}

static double loss_of_batch(struct fit *f, const float *weights, float *gradient)
{
    const struct adapter_data *d = f->data;
    struct adapter_batch b = {.dim = d->dim,
                              .n = f->n,
                              .m = f->m,
                              .questions = f->q,
                              .candidates = f->c,
                              .right = f->right,
                              .left_out = f->left_out,
                              .temperature = ADAPTER_TEMPERATURE};

    gather(d->questions, d->dim, f->questions, f->n, f->q);
    gather(d->passages, d->dim, f->ids, f->m, f->c);
    for (size_t i = 0; i < f->n; i++)
        for (size_t j = 0; j < f->m; j++)
            f->left_out[i * f->m + j] = j != f->right[i] && is_right(f, f->questions[i], f->ids[j]);
    for (size_t j = 0; j < f->m; j++)
        f->place_of[f->ids[j]] = NO_PLACE;
    return adapter_loss(&b, weights, gradient, f->room);
}

/* Adam (Kingma & Ba 2015, algorithm 1), then the pull. */
static void step(struct fit *f, float *weights)
{
    size_t dim = f->data->dim;
    float t = (float)++f->step;
    float rate = ADAPTER_RATE * (1 - (1 - RATE_LAST) * t / (float)f->n_steps);
    float of_mean = 1 / (1 - powf(MEAN_KEEP, t)), of_square = 1 / (1 - powf(SQUARE_KEEP, t));
    float kept = 1 - rate * ADAPTER_PULL;

    for (size_t i = 0; i < dim * dim; i++) {
        float g = f->gradient[i];

        f->mean[i] = MEAN_KEEP * f->mean[i] + (1 - MEAN_KEEP) * g;
        f->square[i] = SQUARE_KEEP * f->square[i] + (1 - SQUARE_KEEP) * g * g;
        weights[i] -= rate * f->mean[i] * of_mean / (sqrtf(f->square[i] * of_square) + 1e-8f);
        weights[i] *= kept;
    }
    for (size_t i = 0; i < dim; i++)
        weights[i * dim + i] += 1 - kept; /* towards 1 on the diagonal, 0 elsewhere */
}

/* ---- rounds ---- */

static void learn_round(struct fit *f, uint32_t *order, float *weights)
{
    shuffle(order, f->n_learn, &f->random);
    for (size_t at = 0; at < f->n_learn; at += ADAPTER_BATCH) {
        size_t end = at + ADAPTER_BATCH < f->n_learn ? at + ADAPTER_BATCH : f->n_learn;

        begin_batch(f);
        for (size_t i = at; i < end; i++)
            add_question(f, &f->data->pairs[f->learn[order[i]]]);
        for (size_t i = at; i < end; i++)
            for (size_t j = 0; j < ADAPTER_WRONG; j++)
                if (f->wrong[order[i] * ADAPTER_WRONG + j] != NO_PASSAGE)
                    add_candidate(f, f->wrong[order[i] * ADAPTER_WRONG + j]);
        loss_of_batch(f, weights, f->gradient);
        step(f, weights);
    }
}

static double held_loss(struct fit *f, const float *weights)
{
    double sum = 0;

    for (size_t at = 0; at < f->n_held; at += ADAPTER_BATCH) {
        begin_batch(f);
        for (size_t i = at; i < f->n_held && f->n < ADAPTER_BATCH; i++)
            add_question(f, &f->data->pairs[f->held[i]]);
        for (size_t i = 0; i < f->n_seen; i++)
            add_candidate(f, f->seen[i]);
        sum += loss_of_batch(f, weights, NULL) * (double)f->n;
    }
    return sum / (double)f->n_held;
}

static int run_rounds(struct fit *f, int most, float *weights, int *n_rounds)
{
    int rc = ERR_OK, best = 0;
    size_t bytes = f->data->dim * f->data->dim * sizeof *weights;
    uint32_t *order = mem_alloc((f->n_learn + 1) * sizeof *order);
    double lowest = f->n_held ? held_loss(f, weights) : 0;

    for (size_t i = 0; i < f->n_learn; i++)
        order[i] = (uint32_t)i;
    memcpy(f->best, weights, bytes);
    for (int i = 1; i <= most && (!f->n_held || i <= best + ADAPTER_PATIENCE); i++) {
        double loss;

        learn_round(f, order, weights);
        loss = f->n_held ? held_loss(f, weights) : 0;
        if (!f->n_held || loss < lowest) {
            lowest = loss;
            best = i;
            memcpy(f->best, weights, bytes);
        }
        if (f->o->round && !f->o->round(f->o->arg)) {
            rc = FAIL(ERR_CANCELLED, "fitting an adapter was cancelled");
            break;
        }
    }
    memcpy(weights, f->best, bytes);
    *n_rounds = best;
    mem_free(order);
    return rc;
}

int adapter_fit_rounds(size_t n_pairs)
{
    size_t batches = (n_pairs + ADAPTER_BATCH - 1) / ADAPTER_BATCH;
    size_t rounds = batches ? ADAPTER_STEPS / batches : 0;

    if (rounds < ADAPTER_ROUNDS_MIN)
        return ADAPTER_ROUNDS_MIN;
    return rounds < ADAPTER_ROUNDS_MAX ? (int)rounds : ADAPTER_ROUNDS_MAX;
}

static void set_identity(float *weights, size_t dim)
{
    memset(weights, 0, dim * dim * sizeof *weights);
    for (size_t i = 0; i < dim; i++)
        weights[i * dim + i] = 1;
}

int adapter_fit(const struct adapter_data *data, const struct adapter_fit_options *o,
                float *weights, int *n_rounds)
{
    int rc = ERR_OK, most = adapter_fit_rounds(data->n_pairs);
    struct fit *f = mem_calloc(1, sizeof *f);

    f->data = data;
    f->o = o;
    f->random = o->seed;
    index_pairs(f);
    divide(f);
    if (f->n_learn < 2 || (o->held >= 0 && f->n_held == 0)) {
        rc = FAIL(ERR_ARGUMENT, "%zu pairs to learn from and %zu to hold out are too few",
                  f->n_learn, f->n_held);
        goto out;
    }
    set_up(f);
    f->n_steps = most * (int)((f->n_learn + ADAPTER_BATCH - 1) / ADAPTER_BATCH);
    set_identity(weights, data->dim);
    rc = run_rounds(f, o->held >= 0 ? most : o->rounds, weights, n_rounds);
out:
    tear_down(f);
    mem_free(f);
    return rc;
}
