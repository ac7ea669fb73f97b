#include "embed/bert.h"

#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "embed/bert_load.h"

struct bert {
    struct bert_weights w;
};

int bert_open(struct bert **out, const char *model_dir)
{
    struct bert *b = mem_calloc(1, sizeof *b);
    int rc = bert_load(&b->w, model_dir);

    if (rc < 0)
        mem_free(b);
    else
        *out = b;
    return rc;
}

void bert_close(struct bert *b)
{
    if (!b)
        return;
    bert_unload(&b->w);
    mem_free(b);
}

const struct bert_config *bert_config(const struct bert *b)
{
    return &b->w.config;
}

const struct safetensors *bert_weights(const struct bert *b)
{
    return b->w.file;
}

size_t bert_memory_bytes(const struct bert *b)
{
    return b->w.pages.n_bytes;
}

/* Scratch, each part [n_tokens, ...]:
 *   x     [hidden]   the rows as they pass from layer to layer
 *   y     [hidden]   what a block adds to them
 *   wide  qkv [3 hidden] and attention's output [hidden], then the widened rows [intermediate]
 *   heads what attention needs for the longest sequence
 * qkv and the widened rows are never alive together; sharing their place keeps a chunk of 256
 * tokens of the default model within 2.4 MB, near the second-level cache. */
struct scratch {
    float *x, *y, *wide, *heads;
};

static size_t wide_floats(const struct bert_config *c)
{
    return 4 * c->hidden > c->intermediate ? 4 * c->hidden : c->intermediate;
}

size_t bert_scratch_floats(const struct bert *b, size_t n_tokens, size_t longest)
{
    const struct bert_config *c = &b->w.config;

    return n_tokens * (2 * c->hidden + wide_floats(c)) +
           simd_attention_scratch(longest, c->hidden / c->n_heads);
}

static struct scratch lay_out(const struct bert_config *c, float *floats, size_t n_tokens)
{
    struct scratch s = {.x = floats};

    s.y = s.x + n_tokens * c->hidden;
    s.wide = s.y + n_tokens * c->hidden;
    s.heads = s.wide + n_tokens * wide_floats(c);
    return s;
}

static void apply(const struct simd *k, const struct dense *d, const float *x, size_t n_rows,
                  float *y)
{
    k->gemm(x, n_rows, d->k, d->w, d->bias, d->n, y, d->n);
}

/* x = norm(word + position + type), position counted from the start of each sequence. */
static void embed_tokens(const struct bert *b, const struct simd *k, const int32_t *ids,
                         const uint32_t *lengths, size_t n_seqs, float *x)
{
    const struct bert_weights *w = &b->w;
    size_t hidden = w->config.hidden;

    for (size_t s = 0; s < n_seqs; s++) {
        CHECK(lengths[s] <= w->config.n_positions);
        for (size_t i = 0; i < lengths[s]; i++) {
            CHECK((uint32_t)ids[i] < w->config.vocab_size);
            memcpy(x + i * hidden, w->words + (size_t)ids[i] * hidden, hidden * sizeof *x);
        }
        k->add_norm(x, w->places, lengths[s], hidden, w->embedded.gamma, w->embedded.beta,
                    w->config.epsilon);
        ids += lengths[s];
        x += lengths[s] * hidden;
    }
}

static void attend(const struct bert_config *c, const struct simd *k, const float *qkv,
                   const uint32_t *lengths, size_t n_seqs, float *heads, float *out)
{
    for (size_t s = 0; s < n_seqs; s++) {
        k->attention(qkv, out, lengths[s], c->n_heads, c->hidden / c->n_heads, heads);
        qkv += lengths[s] * 3 * c->hidden;
        out += lengths[s] * c->hidden;
    }
}

static void run_layer(const struct bert *b, const struct bert_layer *y, const struct simd *k,
                      const uint32_t *lengths, size_t n_seqs, size_t n, const struct scratch *s)
{
    const struct bert_config *c = &b->w.config;
    float *qkv = s->wide, *attended = s->wide + n * 3 * c->hidden;

    apply(k, &y->qkv, s->x, n, qkv);
    attend(c, k, qkv, lengths, n_seqs, s->heads, attended);
    apply(k, &y->project, attended, n, s->y);
    k->add_norm(s->x, s->y, n, c->hidden, y->after_attention.gamma, y->after_attention.beta,
                c->epsilon);
    apply(k, &y->widen, s->x, n, s->wide);
    k->gelu(s->wide, n * c->intermediate);
    apply(k, &y->narrow, s->wide, n, s->y);
    k->add_norm(s->x, s->y, n, c->hidden, y->after_narrow.gamma, y->after_narrow.beta, c->epsilon);
}

const float *bert_encode(const struct bert *b, const struct simd *k, const int32_t *ids,
                         const uint32_t *lengths, size_t n_seqs, float *scratch)
{
    size_t n = 0;
    struct scratch s;

    for (size_t i = 0; i < n_seqs; i++)
        n += lengths[i];
    s = lay_out(&b->w.config, scratch, n);
    embed_tokens(b, k, ids, lengths, n_seqs, s.x);
    for (size_t i = 0; i < b->w.config.n_layers; i++)
        run_layer(b, &b->w.layers[i], k, lengths, n_seqs, n, &s);
    return s.x;
}
