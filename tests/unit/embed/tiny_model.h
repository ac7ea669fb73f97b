/* tiny_model.h - a random encoder of a few hundred weights, written to a temporary folder.
 *
 * Every weight is a multiple of 1/64 below 1, which F32, F16 and BF16 hold exactly, so the same
 * model can be written in all three. A test may spoil one file or tensor before opening it.
 */
#pragma once
#include <ftw.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/check.h"
#include "base/file.h"
#include "base/mem.h"

#define TINY_TENSORS_MAX 256

struct tiny_tensor {
    char name[96];
    size_t rows, cols; /* cols 0: one dimension */
    const char *dtype; /* NULL: that of the others */
    float *v;
};

struct tiny_model {
    char dir[64];
    size_t hidden, heads, layers, wide, vocab, positions;
    size_t misaligned; /* bytes by which the tensors miss a multiple of 8 */
    struct tiny_tensor tensors[TINY_TENSORS_MAX];
    size_t n_tensors;
};

static inline size_t tiny_size(const struct tiny_tensor *t)
{
    return t->rows * (t->cols ? t->cols : 1);
}

static inline void tiny_add(struct tiny_model *m, const char *name, size_t rows, size_t cols)
{
    static const size_t spread = 6364136223846793005u;
    struct tiny_tensor *t = &m->tensors[m->n_tensors];
    size_t state = 1442695040888963407u * ++m->n_tensors;
    bool gamma = strstr(name, "LayerNorm.weight") != NULL;

    CHECK(m->n_tensors <= TINY_TENSORS_MAX);
    snprintf(t->name, sizeof t->name, "%s", name);
    t->rows = rows;
    t->cols = cols;
    t->v = mem_calloc(tiny_size(t), sizeof *t->v);
    for (size_t i = 0; i < tiny_size(t); i++) {
        state = state * spread + 1;
        t->v[i] = (float)((int)(state >> 40 & 63) - 32) / 64 + (gamma ? 1 : 0);
    }
}

static inline struct tiny_tensor *tiny_find(struct tiny_model *m, const char *name)
{
    for (size_t i = 0; i < m->n_tensors; i++)
        if (strcmp(m->tensors[i].name, name) == 0)
            return &m->tensors[i];
    CHECK(!"no such tensor");
    return NULL;
}

static inline void tiny_add_layer(struct tiny_model *m, size_t i)
{
    static const struct {
        const char *part;
        char rows, cols; /* h: hidden, w: wide */
    } parts[] = {{"attention.self.query", 'h', 'h'},     {"attention.self.key", 'h', 'h'},
                 {"attention.self.value", 'h', 'h'},     {"attention.output.dense", 'h', 'h'},
                 {"intermediate.dense", 'w', 'h'},       {"output.dense", 'h', 'w'},
                 {"attention.output.LayerNorm", 'h', 0}, {"output.LayerNorm", 'h', 0}};
    char name[96];

    for (size_t p = 0; p < sizeof parts / sizeof *parts; p++) {
        size_t rows = parts[p].rows == 'h' ? m->hidden : m->wide;
        size_t cols = parts[p].cols == 'h' ? m->hidden : parts[p].cols == 'w' ? m->wide : 0;

        snprintf(name, sizeof name, "encoder.layer.%zu.%s.weight", i, parts[p].part);
        tiny_add(m, name, rows, cols);
        snprintf(name, sizeof name, "encoder.layer.%zu.%s.bias", i, parts[p].part);
        tiny_add(m, name, rows, 0);
    }
}

static inline void tiny_write_text(const struct tiny_model *m, const char *name, const char *text)
{
    char path[128];

    snprintf(path, sizeof path, "%s/%s", m->dir, name);
    CHECK(file_write_atomic(path, text, strlen(text)) == 0);
}

/* To the nearest half, to even between two; of what is finite there. By hand, because not every
 * compiler has _Float16. */
static inline uint16_t tiny_half(float f)
{
    uint32_t bits;
    uint16_t sign;

    memcpy(&bits, &f, sizeof bits);
    sign = (uint16_t)(bits >> 16 & 0x8000);
    bits &= 0x7fffffff;
    if (bits < 0x38800000) /* below 2^-14: multiples of 2^-24 */
        return (uint16_t)(sign | (uint16_t)lrintf(fabsf(f) * 0x1p24f));
    bits += 0xfff + (bits >> 13 & 1);
    return (uint16_t)(sign | (bits - 0x38000000) >> 13);
}

static inline void tiny_put(struct buf *out, float f, const char *dtype)
{
    uint16_t half = tiny_half(f);
    uint32_t bits;

    memcpy(&bits, &f, sizeof bits);
    if (strcmp(dtype, "F32") == 0) {
        buf_add(out, &f, 4);
    } else if (strcmp(dtype, "F16") == 0) {
        buf_add(out, &half, 2);
    } else if (strcmp(dtype, "BF16") == 0) {
        bits = (bits + 0x7fff + (bits >> 16 & 1)) >> 16; /* to the nearest, to even between two */
        buf_add(out, &bits, 2);
    } else {
        buf_add(out, &(int64_t){(int64_t)f}, 8);
    }
}

/* model.safetensors with all tensors in one dtype, but those that have their own. */
static inline void tiny_write_weights(struct tiny_model *m, const char *dtype)
{
    struct buf header, data, file;
    char path[128];
    uint64_t n;

    buf_init(&header);
    buf_init(&data);
    buf_init(&file);
    buf_add_str(&header, "{\"__metadata__\":{\"format\":\"pt\"}");
    for (size_t i = 0; i < m->n_tensors; i++) {
        struct tiny_tensor *t = &m->tensors[i];
        const char *kind = t->dtype ? t->dtype : dtype;
        size_t from = data.n;

        for (size_t j = 0; j < tiny_size(t); j++)
            tiny_put(&data, t->v[j], kind);
        buf_addf(&header, ",\"%s\":{\"dtype\":\"%s\",\"shape\":[%zu", t->name, kind, t->rows);
        if (t->cols)
            buf_addf(&header, ",%zu", t->cols);
        buf_addf(&header, "],\"data_offsets\":[%zu,%zu]}", from, data.n);
    }
    buf_add_char(&header, '}');
    while (header.n % 8 != m->misaligned)
        buf_add_char(&header, ' ');
    n = header.n;
    buf_add(&file, &n, 8);
    buf_add_view(&file, buf_view(&header));
    buf_add_view(&file, buf_view(&data));
    snprintf(path, sizeof path, "%s/model.safetensors", m->dir);
    CHECK(file_write_atomic(path, file.p, file.n) == 0);
    buf_done(&header);
    buf_done(&data);
    buf_done(&file);
}

static inline void tiny_write_config(const struct tiny_model *m)
{
    struct buf b;

    buf_init(&b);
    buf_addf(&b,
             "{\"model_type\":\"bert\",\"hidden_act\":\"gelu\",\"hidden_size\":%zu,"
             "\"num_hidden_layers\":%zu,\"num_attention_heads\":%zu,\"intermediate_size\":%zu,"
             "\"vocab_size\":%zu,\"max_position_embeddings\":%zu,\"type_vocab_size\":2,"
             "\"layer_norm_eps\":1e-12}",
             m->hidden, m->layers, m->heads, m->wide, m->vocab, m->positions);
    tiny_write_text(m, "config.json", b.p);
    buf_done(&b);
}

/* The five special tokens, a to z, and ##a to ##z. */
static inline void tiny_write_vocab(const struct tiny_model *m)
{
    struct buf b;

    buf_init(&b);
    buf_add_str(&b, "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n");
    for (char c = 'a'; c <= 'z'; c++)
        buf_addf(&b, "%c\n", c);
    for (char c = 'a'; c <= 'z'; c++)
        buf_addf(&b, "##%c\n", c);
    tiny_write_text(m, "vocab.txt", b.p);
    buf_done(&b);
}

/* hidden 24 in 3 heads of 8, 40 wide, 2 layers, 64 positions: nothing fits a panel of 32. */
static inline void tiny_open(struct tiny_model *m)
{
    *m = (struct tiny_model){
        .hidden = 24, .heads = 3, .layers = 2, .wide = 40, .vocab = 60, .positions = 64};
    snprintf(m->dir, sizeof m->dir, "/tmp/ragd-model-XXXXXX");
    CHECK(mkdtemp(m->dir) != NULL);
    tiny_add(m, "embeddings.word_embeddings.weight", m->vocab, m->hidden);
    tiny_add(m, "embeddings.position_embeddings.weight", m->positions, m->hidden);
    tiny_add(m, "embeddings.token_type_embeddings.weight", 2, m->hidden);
    tiny_add(m, "embeddings.LayerNorm.weight", m->hidden, 0);
    tiny_add(m, "embeddings.LayerNorm.bias", m->hidden, 0);
    for (size_t i = 0; i < m->layers; i++)
        tiny_add_layer(m, i);
    tiny_write_weights(m, "F32");
    tiny_write_config(m);
    tiny_write_vocab(m);
}

/* The same as a cross-encoder: names after "bert.", pooler and classifier. */
static inline void tiny_make_cross(struct tiny_model *m)
{
    char path[128], *at;
    struct buf b;

    for (size_t i = 0; i < m->n_tensors; i++) {
        char name[96];

        snprintf(name, sizeof name, "bert.%.80s", m->tensors[i].name);
        memcpy(m->tensors[i].name, name, sizeof name);
    }
    tiny_add(m, "bert.pooler.dense.weight", m->hidden, m->hidden);
    tiny_add(m, "bert.pooler.dense.bias", m->hidden, 0);
    tiny_add(m, "classifier.weight", 1, m->hidden);
    tiny_add(m, "classifier.bias", 1, 0);
    tiny_write_weights(m, "F32");
    buf_init(&b);
    snprintf(path, sizeof path, "%s/config.json", m->dir);
    CHECK(file_read(path, 1 << 20, &b) == 0);
    at = strrchr(b.p, '}');
    b.n = (size_t)(at - b.p);
    buf_add_str(&b, ",\"architectures\":[\"BertForSequenceClassification\"],"
                    "\"id2label\":{\"0\":\"LABEL_0\"}}");
    tiny_write_text(m, "config.json", b.p);
    buf_done(&b);
}

static inline int tiny_remove(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static inline void tiny_close(struct tiny_model *m)
{
    for (size_t i = 0; i < m->n_tensors; i++)
        mem_free(m->tensors[i].v);
    nftw(m->dir, tiny_remove, 16, FTW_DEPTH | FTW_PHYS);
}
