/* embedder.h - texts in, unit vectors out: the encoder, its tokenizer, its name.
 *
 * Model    a folder with config.json (BERT class), model.safetensors, vocab.txt or tokenizer.json,
 *          and what sentence-transformers adds: see embed/model_files.h.
 * Sentence vectors come from the same forward pass as the document's: the mean over the token
 *          outputs inside each span ("late chunking", Günther et al. 2024), so they cost nothing.
 * Memory   the model's pack (embed/model.h): of the default model 24 MB in int8, 47 MB in bf16, at
 *          most; scratch per running call, kept for the next.
 * Threads  immutable; any number of calls at once.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/pool.h"
#include "base/str.h"
#include "text/sentences.h"

struct embedder;
struct wordpiece;

struct embedder_options {
    const char *model_dir;
    const char *query_prefix;    /* NULL or "": the prompt that the model's files give, if any */
    const char *document_prefix; /* the same */
    const char *precision; /* "f32", "bf16", "int8"; "auto" or NULL: the fastest that is good */
    const char *pack;      /* a folder for packs, "off"; "auto" or NULL: beside the model */
};

struct embedder_info {
    const char *name; /* the folder's last part */
    const char *model_dir;
    size_t dim, n_layers, n_heads, hidden, intermediate, vocab_size;
    size_t max_tokens;                          /* with [CLS] and [SEP]; text beyond is cut */
    const char *pooling;                        /* "mean" or "cls" */
    const char *precision;                      /* "f32", "bf16", "int8" */
    const char *query_prefix, *document_prefix; /* "": none */
    size_t weight_bytes;                        /* of the checkpoint */
    const char *pack;                           /* the pack's file; NULL: in memory only */
    size_t pack_bytes;                          /* its size */
    size_t memory_bytes;                   /* what it keeps resident once every row has been used */
    size_t n_quality_texts;                /* measured when the pack was made; 0: f32, exact */
    double quality_mean, quality_smallest; /* cosine to f32 */
};

int embedder_open(struct embedder **out, const struct embedder_options *o);
void embedder_close(struct embedder *e);

const struct embedder_info *embedder_info(const struct embedder *e);
const struct wordpiece *embedder_tokenizer(const struct embedder *e);

/* What a stored vector was made with: weights, tokenizer, length limit, pooling, dimension,
 * prefixes. Vectors of two fingerprints are never compared. The precision is not part of it:
 * documents embedded in f32 and questions in int8 may meet, at 0.005 of recall at most, so that a
 * folder can be moved to a processor without the instructions and need not be embedded again. */
struct digest embedder_fingerprint(const struct embedder *e);

/* The vector of a question, [dim], of length 1, in `mem`. Idle workers of the pool (NULL: none)
 * take part; it is the same without them. */
int embed_query(struct embedder *e, struct pool *pool, struct str text, struct arena *mem,
                float **out);

struct embed_item {
    struct str text;          /* borrowed */
    const struct span *spans; /* sentences in it; may be NULL */
    size_t n_spans;
    float *vector;       /* out [dim], the caller's */
    float *span_vectors; /* out [n_spans, dim], unit length (zero for a span past the cut) */
    bool cut;            /* out: the text was longer than the model's limit */
};

/* A batch of passages, without padding, spread over the pool's threads (NULL: this thread). */
int embed_documents(struct embedder *e, struct pool *pool, struct embed_item *items, size_t n);
