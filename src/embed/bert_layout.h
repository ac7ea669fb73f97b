/* bert_layout.h - where each part of the encoder lies in a pack, new or opened.
 *
 *   cold   word vectors (embed/word_rows.h), places float [n_positions, hidden]
 *   hot    norm of the embedding, then for each layer: qkv, project, its norm, widen, narrow, its
 *          norm (a matrix as simd/matrix.h says; a norm gamma and beta, float [hidden] each);
 *          a cross-encoder's end with what the second text's rows have more than the first's,
 *          float [hidden], pooler (a matrix in f32: a row a pair is nothing beside the rest),
 *          classifier float [hidden] and its bias, float [1]
 *
 * One walk gives all of it, so what is packed and what is mapped cannot differ. A change here or in
 * the panels is a new PACK_VERSION.
 */
#pragma once
#include "embed/bert_config.h"
#include "embed/word_rows.h"
#include "simd/matrix.h"

struct norm {
    const float *gamma, *beta; /* [hidden] */
};

struct bert_layer {
    struct matrix qkv; /* query, key and value in one; the attention scale is in the query's part */
    struct matrix project;
    struct norm after_attention;
    struct matrix widen;
    struct matrix narrow;
    struct norm after_narrow;
};

struct bert_layout {
    struct word_rows words;
    const float *places; /* [n_positions, hidden]: position + type 0, added to every word */
    const float *second; /* [hidden]: type 1 - type 0; NULL of an encoder, as what follows */
    struct matrix pooler;
    const float *classifier, *classifier_bias; /* [hidden], [1] */
    struct norm embedded;
    struct bert_layer layers[BERT_MAX_LAYERS];
    size_t cold_bytes, hot_bytes;
};

/* The parts in memory that begins at `cold` and `hot` (64-byte aligned, borrowed; not looked at).
 */
void bert_lay_out(struct bert_layout *out, const struct bert_config *c, enum precision p,
                  const void *cold, const void *hot);

/* How many bytes they need. */
void bert_layout_bytes(const struct bert_config *c, enum precision p, size_t *cold, size_t *hot);
