/* fuzz_model_config.c - the small files of a model's folder, in the order below. An empty part is a
 * file that is not there. */
#include <string.h>

#include "base/err.h"
#include "embed/bert_config.h"
#include "embed/model_files.h"
#include "fuzz/fuzz.h"

static void check_sizes(const struct bert_config *c)
{
    FUZZ_TRUE(c->hidden >= 1 && c->hidden <= BERT_MAX_HIDDEN);
    FUZZ_TRUE(c->n_layers >= 1 && c->n_layers <= BERT_MAX_LAYERS);
    FUZZ_TRUE(c->n_heads >= 1 && c->hidden % c->n_heads == 0);
    FUZZ_TRUE(c->intermediate >= 1 && c->intermediate <= BERT_MAX_INTERMEDIATE);
    FUZZ_TRUE(c->vocab_size >= 1 && c->vocab_size <= BERT_MAX_VOCAB);
    FUZZ_TRUE(c->n_positions >= 1 && c->n_positions <= BERT_MAX_POSITIONS);
    FUZZ_TRUE(c->epsilon >= 0 && c->epsilon < 1);
}

FUZZ_TARGET(model_config)
{
    static const char *const names[] = {
        "config.json",           "modules.json",          "sentence_bert_config.json",
        "1_Pooling/config.json", "tokenizer_config.json", "config_sentence_transformers.json"};
    struct bert_config c = {0};
    struct model_files f = {0};

    (void)mem;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct str part = fuzz_part(&in);

        fuzz_dir_put(names[i], part.n ? part : (struct str){NULL, 0});
    }
    if (bert_config_read(&c, fuzz_dir()) == ERR_OK)
        check_sizes(&c);
    if (bert_config_read_cross(&c, fuzz_dir()) == ERR_OK)
        check_sizes(&c);
    if (model_files_read(&f, fuzz_dir()) < 0)
        return;
    FUZZ_TRUE(!f.query_prompt || strlen(f.query_prompt) <= MODEL_PROMPT_BYTES_MAX);
    FUZZ_TRUE(!f.document_prompt || strlen(f.document_prompt) <= MODEL_PROMPT_BYTES_MAX);
    model_files_done(&f);
}
