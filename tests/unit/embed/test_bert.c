#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "base/err.h"
#include "embed/bert.h"
#include "unit/embed/tiny_model.h"

/* ---- the same encoder, written as the paper says, in double ---- */

enum { T_MAX = 64, H_MAX = 24, W_MAX = 40 };

static const float *weights(struct tiny_model *m, size_t layer, const char *part)
{
    char name[96];

    snprintf(name, sizeof name, "encoder.layer.%zu.%s", layer, part);
    return tiny_find(m, name)->v;
}

static void dense(const double *x, size_t t, size_t k, const float *w, const float *bias, size_t n,
                  double *y)
{
    for (size_t r = 0; r < t; r++)
        for (size_t i = 0; i < n; i++) {
            y[r * n + i] = bias[i];
            for (size_t j = 0; j < k; j++)
                y[r * n + i] += x[r * k + j] * w[i * k + j];
        }
}

static void norm(double *x, const double *add, size_t t, size_t n, const float *gamma,
                 const float *beta)
{
    for (size_t r = 0; r < t; r++, x += n, add += n) {
        double mean = 0, variance = 0;

        for (size_t i = 0; i < n; i++)
            mean += (x[i] += add[i]) / (double)n;
        for (size_t i = 0; i < n; i++)
            variance += (x[i] - mean) * (x[i] - mean) / (double)n;
        for (size_t i = 0; i < n; i++)
            x[i] = (x[i] - mean) / sqrt(variance + 1e-12) * gamma[i] + beta[i];
    }
}

static void attend(const double *q, const double *k, const double *v, size_t t, size_t heads,
                   size_t dim, double *out)
{
    size_t width = heads * dim;

    memset(out, 0, t * width * sizeof *out);
    for (size_t h = 0; h < heads; h++)
        for (size_t r = 0; r < t; r++) {
            double p[T_MAX], sum = 0;

            for (size_t j = 0; j < t; j++) {
                double score = 0;

                for (size_t d = h * dim; d < (h + 1) * dim; d++)
                    score += q[r * width + d] * k[j * width + d];
                sum += p[j] = exp(score / sqrt((double)dim));
            }
            for (size_t j = 0; j < t; j++)
                for (size_t d = h * dim; d < (h + 1) * dim; d++)
                    out[r * width + d] += p[j] / sum * v[j * width + d];
        }
}

static void plain_layer(struct tiny_model *m, size_t i, double *x, size_t t)
{
    static double q[T_MAX * H_MAX], k[T_MAX * H_MAX], v[T_MAX * H_MAX], a[T_MAX * H_MAX];
    static double y[T_MAX * H_MAX], wide[T_MAX * W_MAX];
    size_t h = m->hidden, w = m->wide;

    dense(x, t, h, weights(m, i, "attention.self.query.weight"),
          weights(m, i, "attention.self.query.bias"), h, q);
    dense(x, t, h, weights(m, i, "attention.self.key.weight"),
          weights(m, i, "attention.self.key.bias"), h, k);
    dense(x, t, h, weights(m, i, "attention.self.value.weight"),
          weights(m, i, "attention.self.value.bias"), h, v);
    attend(q, k, v, t, m->heads, h / m->heads, a);
    dense(a, t, h, weights(m, i, "attention.output.dense.weight"),
          weights(m, i, "attention.output.dense.bias"), h, y);
    norm(x, y, t, h, weights(m, i, "attention.output.LayerNorm.weight"),
         weights(m, i, "attention.output.LayerNorm.bias"));
    dense(x, t, h, weights(m, i, "intermediate.dense.weight"),
          weights(m, i, "intermediate.dense.bias"), w, wide);
    for (size_t j = 0; j < t * w; j++)
        wide[j] *= 0.5 * (1 + erf(wide[j] / sqrt(2)));
    dense(wide, t, w, weights(m, i, "output.dense.weight"), weights(m, i, "output.dense.bias"), h,
          y);
    norm(x, y, t, h, weights(m, i, "output.LayerNorm.weight"),
         weights(m, i, "output.LayerNorm.bias"));
}

static void plain_encode(struct tiny_model *m, const int32_t *ids, size_t t, double *x)
{
    const float *words = tiny_find(m, "embeddings.word_embeddings.weight")->v;
    const float *places = tiny_find(m, "embeddings.position_embeddings.weight")->v;
    const float *types = tiny_find(m, "embeddings.token_type_embeddings.weight")->v;
    static double zero[T_MAX * H_MAX];
    size_t h = m->hidden;

    for (size_t r = 0; r < t; r++)
        for (size_t i = 0; i < h; i++)
            x[r * h + i] = (double)words[(size_t)ids[r] * h + i] + places[r * h + i] + types[i];
    norm(x, zero, t, h, tiny_find(m, "embeddings.LayerNorm.weight")->v,
         tiny_find(m, "embeddings.LayerNorm.bias")->v);
    for (size_t i = 0; i < m->layers; i++)
        plain_layer(m, i, x, t);
}

/* ---- claims ---- */

static const uint32_t lengths[] = {1, 64, 2, 13, 33};
enum { N_SEQS = 5, N_TOKENS = 113 };

static void fill_ids(int32_t ids[], size_t n, size_t vocab)
{
    for (size_t i = 0; i < n; i++)
        ids[i] = (int32_t)(i * i * 7 % vocab);
}

static void *new_scratch(const struct bert *b, size_t n_tokens)
{
    return mem_alloc_aligned(bert_scratch_bytes(b, n_tokens, 64));
}

static struct bert *open_in(struct tiny_model *m, enum precision p)
{
    struct bert *b = NULL;

    cr_assert_eq(bert_open(&b, m->dir, p), ERR_OK, "%s", err_text());
    cr_expect_eq(bert_precision(b), p);
    return b;
}

static const struct bert_call *with(const struct simd *k)
{
    static struct bert_call call;

    call = (struct bert_call){.kernels = k};
    return &call;
}

static double cosine(const float *a, const double *b, size_t n)
{
    double ab = 0, aa = 0, bb = 0;

    for (size_t i = 0; i < n; i++) {
        ab += a[i] * b[i];
        aa += (double)a[i] * a[i];
        bb += b[i] * b[i];
    }
    return ab / sqrt(aa * bb);
}

/* f32 within 2e-4 of every number; the others by the direction of every row. */
static const double least_cosine[N_PRECISIONS] = {1 - 1e-9, 0.9998, 0.9990};

static void check_level(struct tiny_model *m, const struct bert *b, const struct simd *k)
{
    static double want[T_MAX * H_MAX];
    enum precision p = bert_precision(b);
    int32_t ids[N_TOKENS];
    void *scratch = new_scratch(b, N_TOKENS);
    const float *got;

    fill_ids(ids, N_TOKENS, m->vocab);
    got = bert_encode(b, with(k), ids, lengths, N_SEQS, scratch);
    for (size_t s = 0, first = 0; s < N_SEQS; first += lengths[s++]) {
        plain_encode(m, ids + first, lengths[s], want);
        for (size_t r = 0; r < lengths[s]; r++) {
            const float *row = got + (first + r) * m->hidden;
            double near = cosine(row, want + r * m->hidden, m->hidden);

            cr_assert_geq(near, least_cosine[p], "%s, %s, sequence %zu, row %zu: %.6f",
                          simd_level_name(k->level), precision_name(p), s, r, near);
            for (size_t i = 0; i < m->hidden && p == PRECISION_F32; i++)
                cr_assert_float_eq(row[i], want[r * m->hidden + i], 2e-4, "%s, sequence %zu",
                                   simd_level_name(k->level), s);
        }
    }
    mem_free(scratch);
}

static void check_every_level(struct tiny_model *m, enum precision p)
{
    struct bert *b = open_in(m, p);

    for (int l = SIMD_SCALAR; l < N_SIMD_LEVELS; l++)
        if (simd_level((enum simd_level)l))
            check_level(m, b, simd_level((enum simd_level)l));
    bert_close(b);
}

Test(bert, encodes_as_the_paper_says)
{
    struct tiny_model m;

    tiny_open(&m);
    check_every_level(&m, PRECISION_F32);
    tiny_close(&m);
}

Test(bert, encodes_nearly_so_in_bf16)
{
    struct tiny_model m;

    tiny_open(&m);
    check_every_level(&m, PRECISION_BF16);
    tiny_close(&m);
}

Test(bert, encodes_nearly_so_in_int8)
{
    struct tiny_model m;

    tiny_open(&m);
    check_every_level(&m, PRECISION_INT8);
    tiny_close(&m);
}

Test(bert, reads_half_precision_weights)
{
    struct tiny_model m;

    tiny_open(&m);
    tiny_write_weights(&m, "F16");
    check_every_level(&m, PRECISION_F32);
    tiny_write_weights(&m, "BF16");
    check_every_level(&m, PRECISION_F32);
    tiny_close(&m);
}

Test(bert, reads_weights_that_are_not_aligned)
{
    struct tiny_model m;

    tiny_open(&m);
    m.misaligned = 3;
    tiny_write_weights(&m, "F32");
    check_every_level(&m, PRECISION_F32);
    tiny_close(&m);
}

/* "bert." before every name, and gamma and beta where newer files say weight and bias. */
Test(bert, reads_checkpoints_with_older_names)
{
    struct tiny_model m;
    struct bert *b = NULL;

    tiny_open(&m);
    for (size_t i = 0; i < m.n_tensors; i++) {
        char *name = m.tensors[i].name, *norm_part = strstr(name, "LayerNorm.");

        if (norm_part)
            strcpy(norm_part + 10, strcmp(norm_part + 10, "weight") == 0 ? "gamma" : "beta");
        memmove(name + 5, name, strlen(name) + 1);
        memcpy(name, "bert.", 5);
    }
    tiny_write_weights(&m, "F32");
    cr_expect_eq(bert_open(&b, m.dir, PRECISION_F32), ERR_OK, "%s", err_text());
    bert_close(b);
    tiny_close(&m);
}

/* ---- the same bits ---- */

/* More tokens than a group has rows, in sequences around that size and of one token. */
static const uint32_t many[] = {47, 1, 48, 49, 1, 1, 64, 33};
enum { N_MANY = 8, MANY_TOKENS = 244 };

static void check_alone(struct tiny_model *m, const struct bert *b, const struct simd *k)
{
    int32_t ids[MANY_TOKENS];
    void *one = new_scratch(b, 64), *all = new_scratch(b, MANY_TOKENS);
    const float *together;

    fill_ids(ids, MANY_TOKENS, m->vocab);
    together = bert_encode(b, with(k), ids, many, N_MANY, all);
    for (size_t s = 0, first = 0; s < N_MANY; first += many[s++]) {
        const float *alone = bert_encode(b, with(k), ids + first, many + s, 1, one);

        cr_expect_arr_eq(alone, together + first * m->hidden, many[s] * m->hidden * sizeof *alone,
                         "%s, %s, sequence %zu", simd_level_name(k->level),
                         precision_name(bert_precision(b)), s);
    }
    mem_free(one);
    mem_free(all);
}

Test(bert, a_sequence_has_the_same_bits_alone_and_among_others)
{
    struct tiny_model m;

    tiny_open(&m);
    for (int p = 0; p < N_PRECISIONS; p++) {
        struct bert *b = open_in(&m, (enum precision)p);

        for (int l = SIMD_SCALAR; l < N_SIMD_LEVELS; l++)
            if (simd_level((enum simd_level)l))
                check_alone(&m, b, simd_level((enum simd_level)l));
        bert_close(b);
    }
    tiny_close(&m);
}

/* The scratch of a call ends at a forbidden byte (the sanitizer's), and what an earlier call left
 * in it does not matter. */
Test(bert, what_lies_in_the_scratch_does_not_matter)
{
    static const uint32_t sizes[] = {1, 2, 16, 47, 48, 49, 64};
    struct tiny_model m;
    int32_t ids[64];

    tiny_open(&m);
    fill_ids(ids, 64, m.vocab);
    for (int p = 0; p < N_PRECISIONS; p++) {
        struct bert *b = open_in(&m, (enum precision)p);

        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            size_t n_bytes = bert_scratch_bytes(b, sizes[i], sizes[i]);
            void *zeros = mem_alloc_aligned(n_bytes), *ones = mem_alloc_aligned(n_bytes);

            memset(zeros, 0, n_bytes);
            memset(ones, 0xff, n_bytes); /* NaN, wherever it is read */
            cr_expect_arr_eq(bert_encode(b, with(simd_get()), ids, sizes + i, 1, zeros),
                             bert_encode(b, with(simd_get()), ids, sizes + i, 1, ones),
                             sizes[i] * m.hidden * sizeof(float), "%s, %u tokens",
                             precision_name((enum precision)p), sizes[i]);
            mem_free(zeros);
            mem_free(ones);
        }
        bert_close(b);
    }
    tiny_close(&m);
}

static void check_crew(struct tiny_model *m, const struct bert *b, struct pool *pool)
{
    struct crew *crew = crew_new();
    int32_t ids[MANY_TOKENS];
    void *one = new_scratch(b, MANY_TOKENS), *shared = new_scratch(b, MANY_TOKENS);
    const struct simd *k = simd_get();

    fill_ids(ids, MANY_TOKENS, m->vocab);
    for (size_t s = 0; s <= N_MANY; s++) { /* each alone, then all */
        const uint32_t *some = s < N_MANY ? many + s : many;
        size_t n_seqs = s < N_MANY ? 1 : N_MANY, n = s < N_MANY ? many[s] : MANY_TOKENS;
        bool opened = crew_open(crew, pool);
        struct bert_call call = {.kernels = k, .crew = crew};
        const float *got = bert_encode(b, &call, ids, some, n_seqs, shared);

        if (opened)
            crew_close(crew);
        cr_expect_arr_eq(got, bert_encode(b, with(k), ids, some, n_seqs, one),
                         n * m->hidden * sizeof *got, "%s, case %zu",
                         precision_name(bert_precision(b)), s);
    }
    crew_free(crew);
    mem_free(one);
    mem_free(shared);
}

Test(bert, a_crew_changes_no_bit)
{
    struct tiny_model m;
    struct pool *pool = pool_new("test", 3, 64);

    tiny_open(&m);
    for (int p = 0; p < N_PRECISIONS; p++) {
        struct bert *b = open_in(&m, (enum precision)p);

        check_crew(&m, b, pool);
        check_crew(&m, b, NULL); /* a crew that nobody has joined */
        bert_close(b);
    }
    pool_free(pool);
    tiny_close(&m);
}

/* ---- files that cannot be used ---- */

static void expect_refused(struct tiny_model *m, int code, const char *reason)
{
    struct bert *b = NULL;
    int rc = bert_open(&b, m->dir, PRECISION_F32);

    cr_expect_eq(rc, code, "%d (%s), for '%s'", rc, err_text(), reason);
    cr_expect(strstr(err_text(), reason), "'%s' lacks '%s'", err_text(), reason);
    cr_expect_null(b);
    bert_close(b);
}

Test(bert, refuses_a_file_without_a_tensor_and_names_it)
{
    struct tiny_model m;

    tiny_open(&m);
    strcpy(tiny_find(&m, "encoder.layer.1.attention.self.key.bias")->name, "something.else");
    tiny_write_weights(&m, "F32");
    expect_refused(&m, ERR_FORMAT, "encoder.layer.1.attention.self.key.bias");
    tiny_close(&m);
}

Test(bert, refuses_a_tensor_of_another_shape)
{
    struct tiny_model m;
    struct tiny_tensor *t;

    tiny_open(&m);
    t = tiny_find(&m, "encoder.layer.0.intermediate.dense.weight");
    t->rows = m.hidden; /* transposed */
    t->cols = m.wide;
    tiny_write_weights(&m, "F32");
    expect_refused(&m, ERR_FORMAT,
                   "tensor 'encoder.layer.0.intermediate.dense.weight' is [24, 40]; the "
                   "configuration asks for [40, 24]");
    tiny_close(&m);
}

Test(bert, refuses_weights_that_are_not_floats)
{
    struct tiny_model m;
    char path[128];
    struct buf b;

    tiny_open(&m);
    buf_init(&b);
    snprintf(path, sizeof path, "%s/model.safetensors", m.dir);
    cr_assert_eq(file_read(path, 1 << 20, &b), ERR_OK);
    for (char *p = b.p; (p = memmem(p, b.n - (size_t)(p - b.p), "\"F32\"", 5)); p++)
        memcpy(p, "\"I32\"", 5);
    cr_assert_eq(file_write_atomic(path, b.p, b.n), ERR_OK);
    expect_refused(&m, ERR_UNSUPPORTED, "I32");
    buf_done(&b);
    tiny_close(&m);
}

Test(bert, refuses_a_tensor_with_another_number_of_dimensions)
{
    struct tiny_model m;

    tiny_open(&m);
    tiny_find(&m, "encoder.layer.1.output.dense.bias")->cols = 1;
    tiny_write_weights(&m, "F32");
    expect_refused(&m, ERR_FORMAT,
                   "tensor 'encoder.layer.1.output.dense.bias' is [24, 1]; the configuration asks "
                   "for [24]");
    tiny_close(&m);
}

/* A configuration may claim much; memory is asked for only when the file shows it. */
Test(bert, refuses_sizes_that_the_weights_do_not_have)
{
    struct tiny_model m;

    tiny_open(&m);
    m.layers = 64;
    m.wide = 32768;
    tiny_write_config(&m);
    expect_refused(&m, ERR_FORMAT, "encoder.layer.0");
    m.hidden = 4095;
    tiny_write_config(&m);
    expect_refused(&m, ERR_FORMAT, "word_embeddings");
    tiny_close(&m);
}

Test(bert, refuses_a_cut_file_at_every_length)
{
    struct tiny_model m;
    struct bert *b = NULL;
    char path[128];
    struct buf file;

    tiny_open(&m);
    buf_init(&file);
    snprintf(path, sizeof path, "%s/model.safetensors", m.dir);
    cr_assert_eq(file_read(path, 1 << 20, &file), ERR_OK);
    for (size_t n = 0; n < file.n; n += n < 16 ? 1 : 997) {
        cr_assert_eq(file_write_atomic(path, file.p, n), ERR_OK);
        cr_expect_eq(bert_open(&b, m.dir, PRECISION_F32), ERR_FORMAT, "cut at %zu", n);
    }
    buf_done(&file);
    tiny_close(&m);
}

Test(bert, says_where_it_looked)
{
    struct tiny_model m;
    char path[128];

    tiny_open(&m);
    snprintf(path, sizeof path, "%s/model.safetensors", m.dir);
    unlink(path);
    expect_refused(&m, ERR_NOT_FOUND, path);
    tiny_close(&m);
}

/* What is there instead, and the way from it to what is read. */
static void expect_advice(const char *other)
{
    struct tiny_model m;
    char path[256];

    tiny_open(&m);
    snprintf(path, sizeof path, "%s/model.safetensors", m.dir);
    unlink(path);
    tiny_write_text(&m, other, "?");
    expect_refused(&m, ERR_NOT_FOUND, other);
    cr_expect(strstr(err_text(), "has no model.safetensors"), "%s", err_text());
    snprintf(path, sizeof path, "m.from_pretrained(\"%s\").save_pretrained(\"%s\")", m.dir, m.dir);
    cr_expect(strstr(err_text(), path), "'%s' lacks '%s'", err_text(), path);
    tiny_close(&m);
}

Test(bert, says_how_to_make_the_weights_from_a_pickle)
{
    expect_advice("pytorch_model.bin");
}

Test(bert, says_how_to_make_one_file_of_weights_in_parts)
{
    expect_advice("model.safetensors.index.json");
}
