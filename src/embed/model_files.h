/* model_files.h - what sentence-transformers writes beside the encoder: limit, pooling, modules,
 * prompts.
 *
 * Files    modules.json (which steps there are), sentence_bert_config.json (max_seq_length), or
 *          tokenizer_config.json where that has none (model_max_length), 1_Pooling/config.json (how
 *          token outputs become one vector), config_sentence_transformers.json (prompts). Each may
 *          be absent, but the pooling's not where modules.json names the step: a CLS model copied
 *          without that folder would be pooled as a mean, without an error.
 * Forms    pooling as "pooling_mode": "cls", and as the older "pooling_mode_cls_token": true.
 * Prompts  "query" goes before questions; "document", else "passage", else "corpus" before
 *          passages, the reference's order. "default_prompt_name" is not used: the reference's
 *          encode_query and encode_document do not use it either.
 * Refused  pooling other than mean or cls, pooling that leaves the prompt out, and steps other than
 *          Transformer, Pooling and Normalize: a model with a Dense step would give vectors that
 *          look right and are not.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#define MODEL_PROMPT_BYTES_MAX 1000 /* ERR_LIMIT */

struct model_files {
    size_t max_tokens;                    /* 0: no file says */
    bool cls_pooling;                     /* else mean */
    bool has_pooling;                     /* modules.json names the step */
    bool lower_case;                      /* texts are to be lowered, whatever the tokenizer does */
    char *query_prompt, *document_prompt; /* NULL: no file says */
};

int model_files_read(struct model_files *out, const char *model_dir);
void model_files_done(struct model_files *m);
