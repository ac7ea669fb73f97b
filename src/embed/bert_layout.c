#include "embed/bert_layout.h"

#include <stdint.h>

#include "base/check.h"

static const void *take(uintptr_t *next, size_t n_bytes)
{
    uintptr_t p = *next;

    *next += (n_bytes + 63) & ~(size_t)63;
    return (const void *)p; /* NOLINT(performance-no-int-to-ptr) */
}

static struct norm take_norm(uintptr_t *next, size_t n)
{
    struct norm out;

    out.gamma = take(next, n * sizeof(float));
    out.beta = take(next, n * sizeof(float));
    return out;
}

static struct matrix take_matrix(uintptr_t *next, enum precision p, size_t n, size_t k)
{
    return matrix_at(p, n, k, take(next, matrix_bytes(p, n, k)));
}

static void take_layer(uintptr_t *next, const struct bert_config *c, enum precision p,
                       struct bert_layer *out)
{
    size_t hidden = c->hidden, wide = c->intermediate;

    out->qkv = take_matrix(next, p, 3 * hidden, hidden);
    out->project = take_matrix(next, p, hidden, hidden);
    out->after_attention = take_norm(next, hidden);
    out->widen = take_matrix(next, p, wide, hidden);
    out->narrow = take_matrix(next, p, hidden, wide);
    out->after_narrow = take_norm(next, hidden);
}

static void take_head(uintptr_t *next, const struct bert_config *c, struct bert_layout *out)
{
    out->second = take(next, c->hidden * sizeof(float));
    out->pooler = take_matrix(next, PRECISION_F32, c->hidden, c->hidden);
    out->classifier = take(next, c->hidden * sizeof(float));
    out->classifier_bias = take(next, sizeof(float));
}

void bert_lay_out(struct bert_layout *out, const struct bert_config *c, enum precision p,
                  const void *cold, const void *hot)
{
    uintptr_t next = (uintptr_t)cold;

    CHECK(c->n_layers <= BERT_MAX_LAYERS);
    out->words = word_rows_at(p, c->vocab_size, c->hidden,
                              take(&next, word_rows_bytes(p, c->vocab_size, c->hidden)));
    out->places = take(&next, c->n_positions * c->hidden * sizeof(float));
    out->cold_bytes = next - (uintptr_t)cold;

    next = (uintptr_t)hot;
    out->embedded = take_norm(&next, c->hidden);
    for (size_t i = 0; i < c->n_layers; i++)
        take_layer(&next, c, p, &out->layers[i]);
    out->second = NULL;
    if (c->n_labels)
        take_head(&next, c, out);
    out->hot_bytes = next - (uintptr_t)hot;
}

void bert_layout_bytes(const struct bert_config *c, enum precision p, size_t *cold, size_t *hot)
{
    static const char anywhere[64] __attribute__((aligned(64)));
    struct bert_layout l;

    bert_lay_out(&l, c, p, anywhere, anywhere);
    *cold = l.cold_bytes;
    *hot = l.hot_bytes;
}
