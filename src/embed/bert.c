#include "embed/bert.h"

#include <math.h>
#include <stdint.h>

#include "base/check.h"
#include "base/err.h"
#include "base/mem.h"
#include "embed/bert_layout.h"
#include "embed/bert_load.h"

struct bert {
    struct pack pack;
    struct bert_layout w;
};

int bert_open_pack(struct bert **out, struct pack *pack)
{
    const struct pack_facts *f = &pack->facts;
    struct bert *b = mem_calloc(1, sizeof *b);

    bert_lay_out(&b->w, &f->config, f->precision, pack->cold, pack->hot);
    if (b->w.cold_bytes != f->cold_bytes || b->w.hot_bytes != f->hot_bytes) {
        mem_free(b);
        return FAIL(ERR_FORMAT, "weights of other sizes than the configuration asks for");
    }
    b->pack = *pack;
    *pack = (struct pack){0};
    *out = b;
    return ERR_OK;
}

int bert_open(struct bert **out, const char *model_dir, enum precision precision)
{
    int rc = ERR_OK;
    struct safetensors *file = NULL;
    struct bert_config config = {0};
    struct pack pack = {0};
    struct stat st;
    struct buf path;

    buf_init(&path);
    TRY(bert_config_read(&config, model_dir));
    TRY(bert_find_weights(model_dir, &path, &st));
    TRY(safetensors_open(&file, path.p));
    rc = bert_load(&pack, file, &config, precision, (struct str){0});
    if (rc < 0) {
        err_context(rc, "model '%s'", path.p);
        goto out;
    }
    TRY(bert_open_pack(out, &pack));
out:
    pack_close(&pack);
    safetensors_close(file);
    buf_done(&path);
    return rc;
}

void bert_close(struct bert *b)
{
    if (!b)
        return;
    pack_close(&b->pack);
    mem_free(b);
}

const struct bert_config *bert_config(const struct bert *b)
{
    return &b->pack.facts.config;
}

enum precision bert_precision(const struct bert *b)
{
    return b->pack.facts.precision;
}

const struct pack *bert_pack(const struct bert *b)
{
    return &b->pack;
}

bool bert_is_cross(const struct bert *b)
{
    return bert_config(b)->n_labels != 0;
}

/* ---- scratch ----
 *
 * Each part [rows, ...], from a 64-byte line on:
 *   x         [hidden]        all rows as they pass from layer to layer
 *   qkv       [3 hidden]      all rows
 *   attended  [hidden]        all rows
 *   rows      x, or the attended rows, as the products read them
 *   y, wide, wide_rows        [hidden], [intermediate]: of one group of rows
 *   heads     what attention needs for the longest sequence, for each unit of it
 */
struct scratch {
    float *x, *qkv, *attended, *y, *wide, *heads;
    size_t heads_floats;
    struct rows rows, wide_rows;
};

/* Rows that go through a layer's last three products together: their widened values stay in the
 * second-level cache between being made and being used. */
#define GROUP_ROWS 48

/* Rows of a unit at least, when rows are split. */
#define UNIT_ROWS 3

static size_t at_most(size_t a, size_t b)
{
    return a < b ? a : b;
}

static void *take(uintptr_t *next, size_t n_bytes)
{
    uintptr_t p = *next;

    *next += (n_bytes + 63) & ~(size_t)63;
    return (void *)p;
}

/* Lays the parts out from `memory` on and returns the end. */
static uintptr_t lay_out(const struct bert *b, size_t n, size_t longest, uintptr_t memory,
                         struct scratch *s)
{
    const struct bert_config *c = bert_config(b);
    size_t row = c->hidden * sizeof(float), group = at_most(n, GROUP_ROWS);
    uintptr_t next = memory;

    s->x = take(&next, n * row);
    s->qkv = take(&next, n * 3 * row);
    s->attended = take(&next, n * row);
    s->rows = rows_at(bert_precision(b), n, c->hidden, take(&next, rows_bytes(n, c->hidden)));
    s->y = take(&next, group * row);
    s->wide = take(&next, group * c->intermediate * sizeof(float));
    s->wide_rows = rows_at(bert_precision(b), group, c->intermediate,
                           take(&next, rows_bytes(group, c->intermediate)));
    s->heads_floats = (simd_attention_scratch(longest, c->hidden / c->n_heads) + 15) & ~(size_t)15;
    s->heads = take(&next, CREW_SIZE_MAX * s->heads_floats * sizeof(float));
    return next;
}

size_t bert_scratch_bytes(const struct bert *b, size_t n_tokens, size_t longest)
{
    struct scratch s;
    uintptr_t anywhere = 64;

    return lay_out(b, n_tokens, longest, anywhere, &s) - anywhere;
}

/* ---- steps ----
 *
 * A pass is a row of steps, and a step is units that do not depend on each other: some panels of a
 * product, some heads, some rows. Alone a step is one unit. */

struct pass {
    const struct bert *b;
    const struct simd *k;
    struct crew *crew; /* NULL: alone */
    size_t n_threads; /* units of a step: with more of them than threads, rows and weights wander */
    const uint32_t *lengths, *seconds;
    size_t n_seqs, n_tokens;
    struct scratch s;
};

/* Part i of `n_units` of the numbers 0 .. n-1. */
static void part(size_t n, size_t n_units, size_t i, size_t *first, size_t *count)
{
    *first = n * i / n_units;
    *count = n * (i + 1) / n_units - *first;
}

static void run_step(struct pass *p, size_t n_units, pool_each_fn unit, void *step)
{
    if (n_units == 1)
        unit(step, 0);
    else
        crew_run(p->crew, n_units, unit, step);
}

/* y = x w + bias, some panels */
struct product_step {
    const struct simd *k;
    const struct matrix *w;
    struct rows x;
    size_t n_rows, n_panels, n_units;
    enum after after;
    float *y;
};

static void product_unit(void *arg, size_t i)
{
    const struct product_step *s = arg;
    size_t first, n;

    part(s->n_panels, s->n_units, i, &first, &n);
    s->k->product(&s->x, s->n_rows, s->w, first, n, s->after, s->y, s->w->n);
}

static void product(struct pass *p, const struct matrix *w, struct rows x, size_t n_rows,
                    enum after after, float *y)
{
    size_t n_panels = (w->n + MATRIX_PANEL - 1) / MATRIX_PANEL;
    struct product_step s = {p->k, w, x, n_rows, n_panels, 1, after, y};

    s.n_units = at_most(n_panels, p->n_threads);
    run_step(p, s.n_units, product_unit, &s);
}

/* What happens to rows between products: x = norm(x + y) if there is a norm, then `x` as the next
 * product reads it. */
struct rows_step {
    const struct simd *k;
    const struct norm *norm;
    float epsilon;
    float *x;
    const float *y;
    struct rows *out;
    size_t n_rows, n_units;
};

static void rows_unit(void *arg, size_t i)
{
    const struct rows_step *s = arg;
    size_t dim = s->out->k, first, n;

    part(s->n_rows, s->n_units, i, &first, &n);
    if (s->norm)
        s->k->add_norm(s->x + first * dim, s->y + first * dim, n, dim, s->norm->gamma,
                       s->norm->beta, s->epsilon);
    s->k->prepare(s->x, first, n, s->out);
}

static struct rows prepared(struct pass *p, const struct norm *norm, float *x, const float *y,
                            size_t n_rows, struct rows out)
{
    struct rows_step s = {p->k, norm, bert_config(p->b)->epsilon, x, y, &out, n_rows, 1};

    s.n_units = at_most(1 + n_rows / UNIT_ROWS, p->n_threads);
    out.x = x;
    run_step(p, s.n_units, rows_unit, &s);
    return out;
}

/* Attention of one sequence, some heads */
struct attention_step {
    const struct pass *p;
    const float *qkv;
    float *out;
    size_t length, n_units;
};

static void attention_unit(void *arg, size_t i)
{
    const struct attention_step *s = arg;
    const struct bert_config *c = bert_config(s->p->b);
    const struct scratch *scratch = &s->p->s;
    struct heads heads = {.dim = c->hidden / c->n_heads,
                          .n = c->n_heads,
                          .exact = bert_precision(s->p->b) == PRECISION_F32};

    part(c->n_heads, s->n_units, i, &heads.first, &heads.count);
    s->p->k->attention(s->qkv, s->out, s->length, &heads,
                       scratch->heads + i * scratch->heads_floats);
}

static void attend(struct pass *p)
{
    size_t hidden = bert_config(p->b)->hidden, first = 0;

    for (size_t i = 0; i < p->n_seqs; first += p->lengths[i++]) {
        struct attention_step s = {p, p->s.qkv + first * 3 * hidden, p->s.attended + first * hidden,
                                   p->lengths[i], 1};

        s.n_units = at_most(bert_config(p->b)->n_heads, p->n_threads);
        run_step(p, s.n_units, attention_unit, &s);
    }
}

/* ---- the pass ---- */

/* x = norm(word + position + type), position counted from the start of each sequence. */
static void embed_tokens(struct pass *p, const int32_t *ids)
{
    const struct bert_layout *w = &p->b->w;
    const struct bert_config *c = bert_config(p->b);
    size_t hidden = c->hidden;
    float *x = p->s.x;

    for (size_t s = 0; s < p->n_seqs; s++) {
        CHECK(p->lengths[s] <= c->n_positions);
        for (size_t i = 0; i < p->lengths[s]; i++) {
            CHECK(ids[i] >= 0);
            word_rows_get(&w->words, (size_t)ids[i], x + i * hidden);
        }
        for (size_t i = p->seconds ? p->seconds[s] : p->lengths[s]; i < p->lengths[s]; i++)
            p->k->add(x + i * hidden, w->second, hidden);
        p->k->add_norm(x, w->places, p->lengths[s], hidden, w->embedded.gamma, w->embedded.beta,
                       c->epsilon);
        ids += p->lengths[s];
        x += p->lengths[s] * hidden;
    }
}

/* After attention rows have nothing to do with each other. */
static void finish_rows(struct pass *p, const struct bert_layer *y, size_t first, size_t n)
{
    struct scratch *s = &p->s;
    size_t hidden = bert_config(p->b)->hidden;
    float *x = s->x + first * hidden;
    struct rows rows = rows_from(&s->rows, first);

    rows = prepared(p, NULL, s->attended + first * hidden, NULL, n, rows);
    product(p, &y->project, rows, n, AFTER_NOTHING, s->y);
    rows = prepared(p, &y->after_attention, x, s->y, n, rows);
    product(p, &y->widen, rows, n, AFTER_GELU, s->wide);
    product(p, &y->narrow, prepared(p, NULL, s->wide, NULL, n, s->wide_rows), n, AFTER_NOTHING,
            s->y);
    prepared(p, &y->after_narrow, x, s->y, n, rows);
}

static void run_layer(struct pass *p, const struct bert_layer *y)
{
    p->s.rows.x = p->s.x;
    product(p, &y->qkv, p->s.rows, p->n_tokens, AFTER_NOTHING, p->s.qkv);
    attend(p);
    for (size_t first = 0; first < p->n_tokens; first += GROUP_ROWS)
        finish_rows(p, y, first, at_most(GROUP_ROWS, p->n_tokens - first));
}

const float *bert_encode(const struct bert *b, const struct bert_call *call, const int32_t *ids,
                         const uint32_t *lengths, size_t n_seqs, void *scratch)
{
    struct pass p = {.b = b,
                     .k = call->kernels,
                     .crew = call->crew,
                     .lengths = lengths,
                     .seconds = call->seconds,
                     .n_seqs = n_seqs};
    size_t longest = 0;

    CHECK(!call->seconds || bert_is_cross(b));
    p.n_threads = p.crew ? crew_size(p.crew) : 1;
    for (size_t i = 0; i < n_seqs; i++) {
        p.n_tokens += lengths[i];
        longest = lengths[i] > longest ? lengths[i] : longest;
    }
    lay_out(b, p.n_tokens, longest, (uintptr_t)scratch, &p.s);
    embed_tokens(&p, ids);
    prepared(&p, NULL, p.s.x, NULL, p.n_tokens, p.s.rows);
    for (size_t i = 0; i < bert_config(b)->n_layers; i++)
        run_layer(&p, &b->w.layers[i]);
    return p.s.x;
}

/* ---- a cross-encoder's end ---- */

void bert_scores(const struct bert *b, const struct bert_call *call, const float *rows,
                 const uint32_t *lengths, size_t n_seqs, float *scores)
{
    const struct bert_layout *w = &b->w;
    size_t hidden = bert_config(b)->hidden, n_panels = (hidden + MATRIX_PANEL - 1) / MATRIX_PANEL;
    float pooled[BERT_MAX_HIDDEN] __attribute__((aligned(64)));

    CHECK(bert_is_cross(b));
    for (size_t i = 0; i < n_seqs; rows += lengths[i++] * hidden) {
        struct rows cls = {.precision = PRECISION_F32, .k = hidden, .x = rows};

        call->kernels->product(&cls, 1, &w->pooler, 0, n_panels, AFTER_NOTHING, pooled, hidden);
        for (size_t j = 0; j < hidden; j++)
            pooled[j] = tanhf(pooled[j]);
        scores[i] = call->kernels->dot(pooled, w->classifier, hidden) + *w->classifier_bias;
    }
}
