/* bert_config.h - the sizes of a BERT-class encoder, read from config.json and bounded.
 *
 * Refused with the reason and what is supported (ERR_UNSUPPORTED): another model_type, another
 * activation than the GELU by erf, other than absolute positions, a decoder, quantized weights,
 * code of the model's own. Refused with ERR_FORMAT: sizes missing or that do not fit together; the
 * largest sizes are below.
 *
 * A cross-encoder (BertForSequenceClassification) has one label more than an encoder has: its
 * score. Another number of labels is ERR_UNSUPPORTED.
 */
#pragma once
#include <stddef.h>

#define BERT_MAX_HIDDEN       4096
#define BERT_MAX_LAYERS       64
#define BERT_MAX_INTERMEDIATE 32768
#define BERT_MAX_VOCAB        1000000
#define BERT_MAX_POSITIONS    8192

struct bert_config {
    size_t hidden, n_layers, n_heads, intermediate;
    size_t vocab_size, n_positions, n_types;
    size_t n_labels; /* 0: an encoder; 1: a cross-encoder, with pooler and classifier */
    float epsilon;   /* of the layer norms */
};

int bert_config_read(struct bert_config *out, const char *model_dir);

/* The same of a cross-encoder. */
int bert_config_read_cross(struct bert_config *out, const char *model_dir);
