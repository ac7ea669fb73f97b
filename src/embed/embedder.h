/* embedder.h - texts in, unit vectors out: the encoder, its tokenizer, its name. The encoder is
 * ours, or a server's (remote.h).
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
#include <stdint.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/pool.h"
#include "base/str.h"
#include "text/sentences.h"

struct embedder;
struct remote_options;
struct remote_stats;
struct wordpiece;

struct embedder_options {
    const char *model_dir;
    const char *query_prefix;    /* NULL or "": the prompt that the model's files give, if any */
    const char *document_prefix; /* the same */
    const char *precision; /* "f32", "bf16", "int8"; "auto" or NULL: the fastest that is good */
    const char *pack;      /* a folder for packs, "off"; "auto" or NULL: beside the model */
    const struct remote_options *remote; /* a server instead of the above, or NULL */
};

struct embedder_info {
    const char *kind;      /* "local", "openai" or "tei" */
    const char *name;      /* the folder's last part; of a server: its model */
    const char *model_dir; /* "" of a server, as all below is 0 or "" but dim and max_tokens */
    const char *url;       /* of a server, as it may be shown; NULL of a local one */
    bool has_sentences;    /* it makes span_vectors */
    bool was_reached;      /* the server, when we opened; a local one: true */
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

/* One more user; each calls embedder_close, and the last one's closes it. */
struct embedder *embedder_ref(struct embedder *e);
void embedder_close(struct embedder *e);

const struct embedder_info *embedder_info(const struct embedder *e);
/* NULL when it is with a server; text/tokens.h guesses then. */
const struct wordpiece *embedder_tokenizer(const struct embedder *e);
/* False for a local one. */
bool embedder_remote_stats(const struct embedder *e, struct remote_stats *out);

/* What a stored vector was made with: weights, tokenizer, length limit, pooling, dimension,
 * prefixes. Vectors of two fingerprints are never compared. The precision is not part of it:
 * documents embedded in f32 and questions in int8 may meet, at 0.005 of recall at most, so that a
 * folder can be moved to a processor without the instructions and need not be embedded again. */
struct digest embedder_fingerprint(const struct embedder *e);

/* The vector of a question, [dim], of length 1, in `mem`. Idle workers of the pool (NULL: none)
 * take part; it is the same without them. */
int embed_query(struct embedder *e, struct pool *pool, struct str text, struct arena *mem,
                float **out);

/* The same; waits for a server no longer than within_ms (0: as configured). */
int embed_query_within(struct embedder *e, struct pool *pool, struct str text, int64_t within_ms,
                       struct arena *mem, float **out);

struct embed_item {
    struct str text;    /* borrowed */
    const int32_t *ids; /* not NULL: [n_ids], encoded in place of text and as they are, [CLS]
                           and [SEP] included; 1..max_tokens, each below vocab_size */
    size_t n_ids;
    const struct span *spans; /* sentences in it; may be NULL */
    size_t n_spans;           /* 0 with ids */
    bool raw;                 /* the vector keeps the length that pooling gave it */
    float *vector;            /* out [dim], the caller's */
    float *span_vectors;      /* out [n_spans, dim], unit length (zero for a span past the cut, and
                                 all of them without has_sentences) */
    bool cut;                 /* out: the text was longer than the model's limit */
};

/* ERR_UNAVAILABLE or ERR_TIMEOUT when a server fails; nothing of the batch counts then.
 * A batch of passages, without padding, spread over the pool's threads (NULL: this thread). */
int embed_documents(struct embedder *e, struct pool *pool, struct embed_item *items, size_t n);
