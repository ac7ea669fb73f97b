/* static_encoder.h - a question's vector from a table: no model, microseconds.
 *
 * A text's vector is the sum of its tokens' rows, each times the square root of how often the
 * token stands in the text, scaled to length 1. The table is fitted to vectors that a real encoder
 * gave texts of one collection (embed/static_fit.h), so that vectors of both live in one space and
 * the index of the real one can be searched with this. Tokens that the fit has not seen count
 * nothing. Special tokens and the model's prefixes have no part in it.
 *
 * File     little-endian, derived data: written whole, made again when it does not fit.
 *
 *     offset        size      is
 *     0             8         "ragdstat"
 *     8             4         version, 1
 *     12            4         dim
 *     16            4         vocab, ids are below it
 *     20            4         n, rows
 *     24            32        fingerprint of the encoder that it stands in for
 *     56            8         collection (the store's id, never given twice)
 *     64            8         epoch that the fit has seen
 *     72            8         chunks that the collection had then
 *     80            8         when, milliseconds of the wall clock
 *     88            4 n       token ids, rising
 *     88 + 4n       4 n       scale of each row, f32
 *     88 + 8n       dim n     rows, signed bytes
 *     end - 8       8         XXH3-64 of all before
 *
 * Memory   (dim + 4) n + 4 vocab bytes: 8 MB for 20,000 tokens of 384 dimensions.
 * Threads  immutable and counted.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/str.h"
#include "text/wordpiece.h"

#define STATIC_TOKENS_MAX 512 /* of a text; what comes after is not looked at */
#define STATIC_VOCAB_MAX  (1u << 22)
#define STATIC_DIM_MAX    4096

struct static_encoder;

/* What a table was fitted to. */
struct static_origin {
    struct digest fingerprint;
    int64_t collection;
    uint64_t epoch;
    uint64_t n_chunks;
    int64_t fitted_ms;
};

/* From rows [n, dim] in floats for the tokens ids [n], rising, below vocab; all borrowed. */
struct static_encoder *static_encoder_new(const struct static_origin *origin, const int32_t *ids,
                                          const float *rows, size_t n, size_t dim, size_t vocab);
struct static_encoder *static_encoder_ref(struct static_encoder *s);
void static_encoder_unref(struct static_encoder *s);

const struct static_origin *static_encoder_origin(const struct static_encoder *s);
size_t static_encoder_dim(const struct static_encoder *s);
size_t static_encoder_bytes(const struct static_encoder *s);

/* The vector of a text, [dim], of length 1. False, and nothing written, when no token of it is
 * known.
 *   tokens  [n], as wordpiece_encode_all gives them, without [CLS] and [SEP] */
bool static_encoder_encode(const struct static_encoder *s, const struct token *tokens, size_t n,
                           float *out);

/* Appends the bytes of the file. */
void static_encoder_write(const struct static_encoder *s, struct buf *out);

/* ERR_FORMAT telling what is wrong with the bytes; `name` stands in the message. */
int static_encoder_read(struct static_encoder **out, struct str bytes, const char *name);
