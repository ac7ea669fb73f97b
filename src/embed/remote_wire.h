/* remote_wire.h - what is said to an embedding server, and its reply, believed in nothing.
 *
 *   OpenAI   POST URL/embeddings  {"model","input":[...],"encoding_format":"base64"}
 *            -> {"data":[{"index":0,"embedding":"<base64 of little-endian float32>" or [..]}]}
 *   TEI      POST URL/embed       {"inputs":[...],"truncate":true,"normalize":true} -> [[..],..]
 *            GET URL/info         -> {"model_id","max_input_length","max_client_batch_size",..}
 *
 * Vectors come out finite, of length 1, in the order of the texts. Anything else (another number
 * of them, an index twice, another dimension, zero, NaN) is ERR_FORMAT with a text that says what.
 *
 * Threads  free of state.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/str.h"

#define REMOTE_DIM_MAX    4096
#define REMOTE_MODEL_MAX  256
#define REMOTE_TOKENS_MAX 1000000 /* more than any model takes */

enum remote_kind { REMOTE_OPENAI, REMOTE_TEI };

struct wire_ask {
    enum remote_kind kind;
    const char *model;       /* OpenAI */
    const struct str *texts; /* [n] UTF-8 */
    size_t n;
    size_t dimensions; /* OpenAI; 0: what the model gives */
    bool floats;       /* OpenAI: numbers instead of base64 */
};

void wire_ask_write(const struct wire_ask *a, struct buf *out);

/* No honest reply with n vectors is longer. */
size_t wire_reply_max(size_t n, size_t dim);

/* Reads n vectors of a reply.
 *   *dim  the dimension that is right; 0: the reply's own, 1..REMOTE_DIM_MAX, set by us
 *   out   [n, *dim], or [n, REMOTE_DIM_MAX] when *dim is 0                                      */
int wire_reply_read(enum remote_kind kind, struct str reply, size_t n, size_t *dim, float *out);

struct wire_info {
    char model[REMOTE_MODEL_MAX];
    size_t max_tokens, batch; /* 0: it does not say */
};

int wire_info_read(struct str reply, struct wire_info *out);
