/* vocab.h - the vocabulary of a BERT-class model folder, and how its text is to be read.
 *
 * Files    vocab.txt: one token a line, ids from 0; else "model.vocab" of tokenizer.json.
 *          Where tokenizer.json stands beside vocab.txt, its settings and added tokens are
 *          honoured or refused; its padding and truncation are the encoder's business and ignored.
 *          Without it, tokenizer_config.json says whether case is kept (do_lower_case).
 * Errors   name the file and the line or member. ERR_NOT_FOUND, ERR_IO; ERR_FORMAT for bytes that
 *          make no vocabulary; ERR_UNSUPPORTED for a tokenizer of another class; ERR_LIMIT.
 * Threads  immutable once opened.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

#define VOCAB_FILE_MAX     ((size_t)64 << 20)
#define VOCAB_TOKENS_MAX   1000000
#define VOCAB_WORD_CHARS   100 /* BERT's limit of a word, in code points */
#define VOCAB_SPECIALS_MAX 256

/* A token that is recognised in the raw text, wherever it stands: "[SEP]". */
struct special_token {
    struct str text;
    int32_t id;
};

struct vocab {
    struct str *tokens; /* by id; empty where an id has none */
    size_t n_tokens;
    size_t cap;
    struct special_token specials[VOCAB_SPECIALS_MAX];
    size_t n_specials;
    int32_t unk, cls, sep;
    bool lower_case; /* and strip accents */
    struct buf text; /* what the views point into */
    void *json;      /* the same */
};

int vocab_open(struct vocab *v, const char *model_dir);
void vocab_done(struct vocab *v);
