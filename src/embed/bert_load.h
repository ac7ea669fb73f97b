/* bert_load.h - the encoder's weights as bert.c computes with them, and their way out of the file.
 *
 * Shared by bert.c (computes) and bert_load.c (finds, checks, packs); nobody else.
 */
#pragma once
#include "embed/bert_config.h"
#include "embed/pages.h"
#include "embed/safetensors.h"

/* y = x w + bias; w packed in panels for n outputs of k inputs */
struct dense {
    size_t n, k;
    const float *w;
    const float *bias; /* [n] */
};

struct norm {
    const float *gamma, *beta; /* [hidden] */
};

struct bert_layer {
    struct dense qkv; /* query, key and value in one; the attention scale is in the query's part */
    struct dense project;
    struct norm after_attention;
    struct dense widen;
    struct dense narrow;
    struct norm after_narrow;
};

struct bert_weights {
    struct bert_config config;
    struct safetensors *file;
    struct pages pages;  /* all that is packed or copied */
    const float *words;  /* [vocab_size, hidden], in the file if it can be */
    const float *places; /* [n_positions, hidden]: position + type 0, added to every word */
    struct norm embedded;
    struct bert_layer *layers;
};

int bert_load(struct bert_weights *out, const char *model_dir);
void bert_unload(struct bert_weights *w);
