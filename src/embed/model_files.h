/* model_files.h - what sentence-transformers writes beside the encoder: limit, pooling, modules.
 *
 * Files    sentence_bert_config.json (max_seq_length), 1_Pooling/config.json (how token outputs
 *          become one vector), modules.json (which steps there are). Each may be absent.
 * Refused  pooling other than mean or cls, and steps other than Transformer, Pooling and
 *          Normalize: a model with a Dense step would give vectors that look right and are not.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct model_files {
    size_t max_tokens; /* 0: no file says */
    bool cls_pooling;  /* else mean */
};

int model_files_read(struct model_files *out, const char *model_dir);
