#include "embed/bert_load.h"

#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"

#define NAME_MAX_BYTES 160
#define SHAPE_BYTES    (SAFETENSORS_RANK_MAX * 22 + 1) /* a size_t, ", ", and the brackets */

/* What the steps below share: where each part goes, and a buffer for matrices that the file does
 * not hold as aligned floats. */
struct loader {
    const struct bert_config *config;
    const struct safetensors *file;
    const char *prefix; /* "" or "bert.": checkpoints of a whole model and of a headed one differ */
    struct bert_layout to;
    float *converted;
};

/* The layout is of borrowed memory, which is ours to fill here. */
static void *writable(const void *p)
{
    return (void *)(uintptr_t)p;
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
    t = safetensors_find(l->file, full);
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
    if (!matrix_pack(m, w, bias, n, scale, first, writable(m->panels)))
        rc = FAIL(ERR_FORMAT, "tensor '%s%s' or its bias has values that are not finite", l->prefix,
                  name);
out:
    mem_free(bias);
    return rc;
}

/* Older checkpoints say gamma and beta where newer ones say weight and bias. */
static int load_norm(struct loader *l, const char *base, const struct norm *to)
{
    int rc = ERR_OK;
    size_t n = l->config->hidden;
    char name[NAME_MAX_BYTES], full[NAME_MAX_BYTES];
    bool old;

    snprintf(full, sizeof full, "%s%s.gamma", l->prefix, base);
    old = safetensors_find(l->file, full) != NULL;
    snprintf(name, sizeof name, "%s.%s", base, old ? "gamma" : "weight");
    TRY(read_vector(l, name, n, writable(to->gamma)));
    snprintf(name, sizeof name, "%s.%s", base, old ? "beta" : "bias");
    TRY(read_vector(l, name, n, writable(to->beta)));
out:
    return rc;
}

static const char *part_name(char out[NAME_MAX_BYTES], size_t i_layer, const char *part)
{
    snprintf(out, NAME_MAX_BYTES, "encoder.layer.%zu.%s", i_layer, part);
    return out;
}

static int load_layer(struct loader *l, size_t i)
{
    int rc = ERR_OK;
    const struct bert_config *c = l->config;
    const struct bert_layer *y = &l->to.layers[i];
    size_t hidden = c->hidden, wide = c->intermediate;
    float scale = 1 / sqrtf((float)(hidden / c->n_heads));
    char name[NAME_MAX_BYTES];

    TRY(load_into(l, part_name(name, i, "attention.self.query"), hidden, scale, 0, &y->qkv));
    TRY(load_into(l, part_name(name, i, "attention.self.key"), hidden, 1, hidden, &y->qkv));
    TRY(load_into(l, part_name(name, i, "attention.self.value"), hidden, 1, 2 * hidden, &y->qkv));
    TRY(load_into(l, part_name(name, i, "attention.output.dense"), hidden, 1, 0, &y->project));
    TRY(load_norm(l, part_name(name, i, "attention.output.LayerNorm"), &y->after_attention));
    TRY(load_into(l, part_name(name, i, "intermediate.dense"), wide, 1, 0, &y->widen));
    TRY(load_into(l, part_name(name, i, "output.dense"), hidden, 1, 0, &y->narrow));
    TRY(load_norm(l, part_name(name, i, "output.LayerNorm"), &y->after_narrow));
out:
    return rc;
}

static int load_words(struct loader *l)
{
    int rc = ERR_OK;
    const struct bert_config *c = l->config;
    const char *name = "embeddings.word_embeddings.weight";
    const float *words = NULL;

    TRY(view_matrix(l, name, c->vocab_size, c->hidden, &words));
    if (!word_rows_pack(&l->to.words, words))
        rc = FAIL(ERR_FORMAT, "tensor '%s%s' has values that are not finite", l->prefix, name);
out:
    return rc;
}

/* Every token is of type 0 here, so its vector joins the positions' once and for all. */
static int load_places(struct loader *l)
{
    int rc = ERR_OK;
    const struct bert_config *c = l->config;
    const struct tensor *t = NULL;
    const float *types = NULL;
    float *places = writable(l->to.places);

    TRY(find(l, "embeddings.position_embeddings.weight", c->n_positions, c->hidden, &t));
    TRY(tensor_read(t, places));
    TRY(view_matrix(l, "embeddings.token_type_embeddings.weight", c->n_types, c->hidden, &types));
    for (size_t p = 0; p < c->n_positions; p++)
        for (size_t i = 0; i < c->hidden; i++)
            places[p * c->hidden + i] += types[i];
out:
    return rc;
}

/* The rows of type 1 less those of type 0, which are in the places already. */
static int load_second(struct loader *l)
{
    int rc = ERR_OK;
    const struct bert_config *c = l->config;
    const float *types = NULL;
    float *second = writable(l->to.second);

    if (c->n_types < 2)
        return FAIL(ERR_FORMAT, "'type_vocab_size' is 1; a cross-encoder tells two texts apart");
    TRY(view_matrix(l, "embeddings.token_type_embeddings.weight", c->n_types, c->hidden, &types));
    for (size_t i = 0; i < c->hidden; i++)
        second[i] = types[c->hidden + i] - types[i];
out:
    return rc;
}

/* The classifier stands beside the encoder, so its name has no prefix. */
static int load_classifier(struct loader *l)
{
    int rc = ERR_OK;
    const char *prefix = l->prefix;
    const float *w = NULL;
    float *to = writable(l->to.classifier), *bias = writable(l->to.classifier_bias);
    bool finite;

    l->prefix = "";
    TRY(view_matrix(l, "classifier.weight", 1, l->config->hidden, &w));
    memcpy(to, w, l->config->hidden * sizeof *to);
    TRY(read_vector(l, "classifier.bias", 1, bias));
    finite = isfinite(*bias);
    for (size_t i = 0; i < l->config->hidden; i++)
        finite = finite && isfinite(to[i]);
    if (!finite)
        rc = FAIL(ERR_FORMAT,
                  "tensor 'classifier.weight' or its bias has values that are not finite");
out:
    l->prefix = prefix;
    return rc;
}

static int load_head(struct loader *l)
{
    int rc = ERR_OK;

    TRY(load_second(l));
    TRY(load_into(l, "pooler.dense", l->config->hidden, 1, 0, &l->to.pooler));
    TRY(load_classifier(l));
out:
    return rc;
}

/* Memory is asked for only after tensors of every layer have been seen. */
static int check_sizes(const struct loader *l)
{
    int rc = ERR_OK;
    const struct bert_config *c = l->config;
    const struct tensor *t = NULL;
    char name[NAME_MAX_BYTES];

    TRY(find(l, "embeddings.word_embeddings.weight", c->vocab_size, c->hidden, &t));
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

    TRY(load_words(l));
    TRY(load_places(l));
    TRY(load_norm(l, "embeddings.LayerNorm", &l->to.embedded));
    for (size_t i = 0; i < l->config->n_layers; i++)
        TRY(load_layer(l, i));
    if (l->config->n_labels)
        TRY(load_head(l));
out:
    return rc;
}

/* Other forms of the weights than the one file that is read. */
static const char *const other_weights[] = {"model.safetensors.index.json", "pytorch_model.bin",
                                            "pytorch_model.bin.index.json", "tf_model.h5"};

/* Why model.safetensors is missing, when the folder tells, and how to make it. */
static int no_weights(const char *model_dir)
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
        return FAIL(ERR_NOT_FOUND, "cannot open '%s/model.safetensors': there is none", model_dir);
    return FAIL(
        ERR_NOT_FOUND,
        "model '%s' has no model.safetensors, only '%s', which is not read; make one, where "
        "Python has transformers: python3 -c 'from transformers import AutoModel as m; "
        "m.from_pretrained(\"%s\").save_pretrained(\"%s\")'",
        model_dir, found, model_dir, model_dir);
}

int bert_find_weights(const char *model_dir, struct buf *path, struct stat *st)
{
    buf_addf(path, "%s/model.safetensors", model_dir);
    if (stat(path->p, st) == 0)
        return ERR_OK;
    return errno == ENOENT ? no_weights(model_dir)
                           : FAIL(ERR_IO, "cannot open '%s': %s", path->p, strerror(errno));
}

int bert_load(struct pack *out, const struct safetensors *file, const struct bert_config *c,
              enum precision precision, struct str tokenizer)
{
    int rc = ERR_OK;
    struct file_map bytes = safetensors_bytes(file);
    struct loader l = {.config = c, .file = file, .prefix = ""};
    struct pack_facts facts = {
        .precision = precision, .config = *c, .tokenizer_bytes = tokenizer.n};
    struct pack p = {0};

    if (safetensors_find(file, "bert.embeddings.word_embeddings.weight"))
        l.prefix = "bert.";
    TRY(check_sizes(&l));
    facts.source.size = bytes.n;
    facts.source.weights = hash128_of(bytes.p, bytes.n);
    bert_layout_bytes(c, precision, &facts.cold_bytes, &facts.hot_bytes);
    pack_new(&p, &facts);
    bert_lay_out(&l.to, c, precision, p.cold, p.hot);
    TRY(load_all(&l));
    if (tokenizer.n)
        memcpy(writable(p.tokenizer.p), tokenizer.p, tokenizer.n);
    *out = p;
    p = (struct pack){0}; /* handed over */
out:
    pack_close(&p);
    mem_free(l.converted);
    return rc;
}
