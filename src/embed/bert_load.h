/* bert_load.h - the encoder's weights as bert.c computes with them, and their way out of the file.
 *
 * Shared by bert.c (computes) and bert_load.c (finds, checks, packs); nobody else.
 */
#pragma once
#include "embed/bert_config.h"
#include "embed/pages.h"
#include "embed/safetensors.h"
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

struct bert_weights {
    struct bert_config config;
    enum precision precision; /* of the matrices */
    struct safetensors *file;
    struct pages pages;  /* all that is packed or copied */
    const float *words;  /* [vocab_size, hidden], in the file if it can be */
    const float *places; /* [n_positions, hidden]: position + type 0, added to every word */
    struct norm embedded;
    struct bert_layer *layers;
};

int bert_load(struct bert_weights *out, const char *model_dir, enum precision precision);
void bert_unload(struct bert_weights *w);
