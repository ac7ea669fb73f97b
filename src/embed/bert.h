/* bert.h - the encoder: token ids in, one output row a token out.
 *
 * Paper    Devlin et al. 2018, "BERT"; layer norm after each block, erf GELU; products in
 *          f32, bf16 or int8 (simd/matrix.h), everything between them in f32.
 * Shapes   sequences lie end to end, without padding: ids [n_tokens], output [n_tokens, hidden].
 * Layer    x -> qkv (one product) -> attention -> project -> + x, norm
 *            -> widen, GELU -> narrow -> + x, norm
 * Cross    a cross-encoder reads [CLS] question [SEP] text [SEP] and ends with
 *          score = classifier . tanh(pooler [CLS row])
 * Memory   the pack's (embed/pack.h), which it owns.
 * Threads  immutable; each running call brings its own scratch.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/crew.h"
#include "embed/bert_config.h"
#include "embed/pack.h"
#include "simd/simd.h"

struct bert;

/* An encoder over a pack's weights.
 *   pack  taken when it succeeds
 * ERR_FORMAT when the parts have other sizes than its configuration asks for. */
int bert_open_pack(struct bert **out, struct pack *pack);

/* The same from config.json and model.safetensors of a folder, packed in memory. Errors name the
 * file, the tensor, and what would be right. */
int bert_open(struct bert **out, const char *model_dir, enum precision precision);
void bert_close(struct bert *b);

const struct bert_config *bert_config(const struct bert *b);
enum precision bert_precision(const struct bert *b);
const struct pack *bert_pack(const struct bert *b);

/* Bytes of scratch for n_tokens in all, none of the sequences longer than `longest`. */
size_t bert_scratch_bytes(const struct bert *b, size_t n_tokens, size_t longest);

/* Whether it scores pairs: bert_scores. */
bool bert_is_cross(const struct bert *b);

/* How a pass is computed. */
struct bert_call {
    const struct simd *kernels;
    struct crew *crew; /* open, or NULL: this thread alone */
    /* [n_seqs], of a cross-encoder: at which token the second text of each pair begins, 0..length;
     * NULL: all tokens are of the first */
    const uint32_t *seconds;
};

/* Encodes sequences that lie end to end. A row's result does not depend on crew or company.
 *   ids      [sum of lengths], each below vocab_size
 *   lengths  [n_seqs], each 1..n_positions
 *   scratch  as bert_scratch_bytes says, 64-byte aligned, the caller's
 * Returns the token outputs [sum of lengths, hidden], in scratch: the caller's until its next use.
 */
const float *bert_encode(const struct bert *b, const struct bert_call *call, const int32_t *ids,
                         const uint32_t *lengths, size_t n_seqs, void *scratch);

/* The scores of pairs (the classifier's one output, unbounded) from what bert_encode gave for them.
 *   rows     [sum of lengths, hidden], of bert_encode
 *   scores   [n_seqs], the caller's */
void bert_scores(const struct bert *b, const struct bert_call *call, const float *rows,
                 const uint32_t *lengths, size_t n_seqs, float *scores);
