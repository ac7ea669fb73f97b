#include "embed/bert_load.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/err.h"
#include "base/mem.h"
#include "simd/simd.h"

#define NAME_MAX_BYTES 160
#define SHAPE_BYTES    (SAFETENSORS_RANK_MAX * 22 + 1) /* a size_t, ", ", and the brackets */

/* What the steps below share: where the next floats go, and a buffer for matrices that the file
 * does not hold as aligned floats. */
struct loader {
    struct bert_weights *w;
    const char *prefix; /* "" or "bert.": checkpoints of a whole model and of a headed one differ */
    float *next;
    float *converted;
};

/* A part's size rounded up, so that the next one begins on a cache line. */
static size_t line_floats(size_t n)
{
    return (n + 15) & ~(size_t)15;
}

static size_t layer_floats(const struct bert_config *c, enum precision p)
{
    size_t n_bytes =
        matrix_bytes(p, 3 * c->hidden, c->hidden) + matrix_bytes(p, c->hidden, c->hidden) +
        matrix_bytes(p, c->intermediate, c->hidden) + matrix_bytes(p, c->hidden, c->intermediate);

    return n_bytes / sizeof(float) + 4 * line_floats(c->hidden);
}

static float *take(struct loader *l, size_t n)
{
    float *p = l->next;

    l->next += line_floats(n);
    DCHECK((size_t)((char *)l->next - (char *)l->w->pages.base) <= l->w->pages.n_bytes);
    return p;
}

/* "[384, 128]" */
static void write_shape(const size_t *shape, size_t rank, char *out, size_t size)
{
    size_t at = 0;

    for (size_t i = 0; i < rank && at < size; i++)
        at += (size_t)snprintf(out + at, size - at, i ? ", %zu" : "[%zu", shape[i]);
    if (at < size)
        snprintf(out + at, size - at, rank ? "]" : "[]");
}

/* The tensor of that name (after the prefix), which must have the shape [rows, cols], or [rows]
 * when cols is 0. */
static int find(const struct loader *l, const char *name, size_t rows, size_t cols,
                const struct tensor **out)
{
    const size_t shape[] = {rows, cols}, rank = cols ? 2 : 1;
    char full[NAME_MAX_BYTES], wanted[SHAPE_BYTES], found[SHAPE_BYTES];
    const struct tensor *t;

    snprintf(full, sizeof full, "%s%s", l->prefix, name);
    t = safetensors_find(l->w->file, full);
    if (!t)
        return FAIL(ERR_FORMAT, "weights lack the tensor '%s'", full);
    if (t->rank != rank || memcmp(t->shape, shape, rank * sizeof *shape) != 0) {
        write_shape(t->shape, t->rank, found, sizeof found);
        write_shape(shape, rank, wanted, sizeof wanted);
        return FAIL(ERR_FORMAT, "tensor '%s' is %s; the configuration asks for %s", full, found,
                    wanted);
    }
    *out = t;
    return ERR_OK;
}

static int read_vector(struct loader *l, const char *name, size_t n, float *to)
{
    int rc = ERR_OK;
    const struct tensor *t = NULL;

    TRY(find(l, name, n, 0, &t));
    TRY(tensor_read(t, to));
out:
    return rc;
}

/* A matrix as aligned floats: where it lies in the file, or converted into the loader's buffer. */
static int view_matrix(struct loader *l, const char *name, size_t rows, size_t cols,
                       const float **out)
{
    int rc = ERR_OK;
    const struct tensor *t = NULL;

    TRY(find(l, name, rows, cols, &t));
    *out = tensor_in_place(t);
    if (!*out) {
        l->converted = mem_realloc(l->converted, t->n * sizeof(float));
        TRY(tensor_read(t, l->converted));
        *out = l->converted;
    }
out:
    return rc;
}

/* "<base>.weight" and "<base>.bias" as the outputs first..first+n-1 of m, times `scale`. */
static int load_into(struct loader *l, const char *base, size_t n, float scale, size_t first,
                     const struct matrix *m)
{
    int rc = ERR_OK;
    char name[NAME_MAX_BYTES];
    const float *w = NULL;
    float *bias = mem_calloc(n, sizeof *bias);

    snprintf(name, sizeof name, "%s.bias", base);
    TRY(read_vector(l, name, n, bias));
    snprintf(name, sizeof name, "%s.weight", base);
    TRY(view_matrix(l, name, n, m->k, &w));
    if (!matrix_pack(m, w, bias, n, scale, first, (void *)(uintptr_t)m->panels))
        rc = FAIL(ERR_FORMAT, "tensor '%s%s' or its bias has values that are not finite", l->prefix,
                  name);
out:
    mem_free(bias);
    return rc;
}

static struct matrix take_matrix(struct loader *l, size_t n, size_t k)
{
    enum precision p = l->w->precision;

    return matrix_at(p, n, k, take(l, matrix_bytes(p, n, k) / sizeof(float)));
}

/* Older checkpoints say gamma and beta where newer ones say weight and bias. */
static int load_norm(struct loader *l, const char *base, struct norm *out)
{
    int rc = ERR_OK;
    size_t n = l->w->config.hidden;
    float *gamma = take(l, n), *beta = take(l, n);
    char name[NAME_MAX_BYTES], full[NAME_MAX_BYTES];
    bool old;

    snprintf(full, sizeof full, "%s%s.gamma", l->prefix, base);
    old = safetensors_find(l->w->file, full) != NULL;
    snprintf(name, sizeof name, "%s.%s", base, old ? "gamma" : "weight");
    TRY(read_vector(l, name, n, gamma));
    snprintf(name, sizeof name, "%s.%s", base, old ? "beta" : "bias");
    TRY(read_vector(l, name, n, beta));
    *out = (struct norm){gamma, beta};
out:
    return rc;
}

static const char *part_name(char out[NAME_MAX_BYTES], size_t i_layer, const char *part)
{
    snprintf(out, NAME_MAX_BYTES, "encoder.layer.%zu.%s", i_layer, part);
    return out;
}

static int load_layer(struct loader *l, size_t i, struct bert_layer *y)
{
    int rc = ERR_OK;
    const struct bert_config *c = &l->w->config;
    size_t hidden = c->hidden, wide = c->intermediate;
    float scale = 1 / sqrtf((float)(hidden / c->n_heads));
    char name[NAME_MAX_BYTES];

    y->qkv = take_matrix(l, 3 * hidden, hidden);
    TRY(load_into(l, part_name(name, i, "attention.self.query"), hidden, scale, 0, &y->qkv));
    TRY(load_into(l, part_name(name, i, "attention.self.key"), hidden, 1, hidden, &y->qkv));
    TRY(load_into(l, part_name(name, i, "attention.self.value"), hidden, 1, 2 * hidden, &y->qkv));
    y->project = take_matrix(l, hidden, hidden);
    TRY(load_into(l, part_name(name, i, "attention.output.dense"), hidden, 1, 0, &y->project));
    TRY(load_norm(l, part_name(name, i, "attention.output.LayerNorm"), &y->after_attention));
    y->widen = take_matrix(l, wide, hidden);
    TRY(load_into(l, part_name(name, i, "intermediate.dense"), wide, 1, 0, &y->widen));
    y->narrow = take_matrix(l, hidden, wide);
    TRY(load_into(l, part_name(name, i, "output.dense"), hidden, 1, 0, &y->narrow));
    TRY(load_norm(l, part_name(name, i, "output.LayerNorm"), &y->after_narrow));
out:
    return rc;
}

static int load_words(struct loader *l, const struct tensor *t)
{
    int rc = ERR_OK;
    float *copy;

    l->w->words = tensor_in_place(t);
    if (!l->w->words) {
        copy = take(l, t->n);
        TRY(tensor_read(t, copy));
        l->w->words = copy;
    }
out:
    return rc;
}

/* Every token is of type 0 here, so its vector joins the positions' once and for all. */
static int load_places(struct loader *l)
{
    int rc = ERR_OK;
    const struct bert_config *c = &l->w->config;
    const struct tensor *t = NULL;
    const float *types = NULL;
    float *places = take(l, c->n_positions * c->hidden);

    TRY(find(l, "embeddings.position_embeddings.weight", c->n_positions, c->hidden, &t));
    TRY(tensor_read(t, places));
    TRY(view_matrix(l, "embeddings.token_type_embeddings.weight", c->n_types, c->hidden, &types));
    for (size_t p = 0; p < c->n_positions; p++)
        for (size_t i = 0; i < c->hidden; i++)
            places[p * c->hidden + i] += types[i];
    l->w->places = places;
out:
    return rc;
}

/* The configuration's sizes are believed only once the file has shown tensors of these shapes, so
 * memory is asked for after the first and last layer have been seen. */
static int check_sizes(const struct loader *l, const struct tensor **words)
{
    int rc = ERR_OK;
    const struct bert_config *c = &l->w->config;
    const struct tensor *t = NULL;
    char name[NAME_MAX_BYTES];

    TRY(find(l, "embeddings.word_embeddings.weight", c->vocab_size, c->hidden, words));
    TRY(find(l, "embeddings.position_embeddings.weight", c->n_positions, c->hidden, &t));
    for (size_t i = 0; i < c->n_layers; i++) {
        TRY(find(l, part_name(name, i, "output.dense.weight"), c->hidden, c->intermediate, &t));
        TRY(find(l, part_name(name, i, "attention.self.query.weight"), c->hidden, c->hidden, &t));
    }
out:
    return rc;
}

static int load_all(struct loader *l)
{
    int rc = ERR_OK;
    struct bert_weights *w = l->w;
    const struct bert_config *c = &w->config;
    const struct tensor *words = NULL;
    size_t n = line_floats(c->n_positions * c->hidden) + 2 * line_floats(c->hidden) +
               c->n_layers * layer_floats(c, w->precision);

    TRY(check_sizes(l, &words));
    if (!tensor_in_place(words))
        n += line_floats(words->n);
    w->pages = pages_alloc(n * sizeof(float));
    l->next = w->pages.base;
    w->layers = mem_calloc(c->n_layers, sizeof *w->layers);
    TRY(load_words(l, words));
    TRY(load_places(l));
    TRY(load_norm(l, "embeddings.LayerNorm", &w->embedded));
    for (size_t i = 0; i < c->n_layers; i++)
        TRY(load_layer(l, i, &w->layers[i]));
out:
    return rc;
}

/* Other forms of the weights than the one file that is read. */
static const char *const other_weights[] = {"model.safetensors.index.json", "pytorch_model.bin",
                                            "pytorch_model.bin.index.json", "tf_model.h5"};

/* Why model.safetensors is missing, when the folder tells, and how to make it. */
static int no_weights(int rc, const char *model_dir)
{
    struct buf path;
    const char *found = NULL;

    buf_init(&path);
    for (size_t i = 0; !found && i < sizeof other_weights / sizeof *other_weights; i++) {
        buf_clear(&path);
        buf_addf(&path, "%s/%s", model_dir, other_weights[i]);
        if (access(path.p, F_OK) == 0)
            found = other_weights[i];
    }
    buf_done(&path);
    if (!found)
        return rc;
    return FAIL(
        rc,
        "model '%s' has no model.safetensors, only '%s', which is not read; make one, where "
        "Python has transformers: python3 -c 'from transformers import AutoModel as m; "
        "m.from_pretrained(\"%s\").save_pretrained(\"%s\")'",
        model_dir, found, model_dir, model_dir);
}

int bert_load(struct bert_weights *out, const char *model_dir, enum precision precision)
{
    int rc = ERR_OK;
    struct bert_weights w = {.precision = precision};
    struct loader l = {.w = &w, .prefix = ""};
    struct buf path;

    buf_init(&path);
    buf_addf(&path, "%s/model.safetensors", model_dir);
    TRY(bert_config_read(&w.config, model_dir));
    rc = safetensors_open(&w.file, path.p);
    if (rc < 0) {
        rc = rc == ERR_NOT_FOUND ? no_weights(rc, model_dir) : rc;
        goto out;
    }
    if (safetensors_find(w.file, "bert.embeddings.word_embeddings.weight"))
        l.prefix = "bert.";
    rc = load_all(&l);
    if (rc < 0) {
        err_context(rc, "model '%s'", path.p);
        goto out;
    }
    *out = w;
    w = (struct bert_weights){0}; /* handed over */
out:
    bert_unload(&w);
    mem_free(l.converted);
    buf_done(&path);
    return rc;
}

void bert_unload(struct bert_weights *w)
{
    mem_free(w->layers);
    pages_free(&w->pages);
    safetensors_close(w->file);
    *w = (struct bert_weights){0};
}
