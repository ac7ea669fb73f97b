/* cross_encoder.h - how well a text answers a question: both read together by one BERT.
 *
 *   [CLS] question [SEP] text [SEP]  --encoder--> row of [CLS] --pooler, tanh, classifier--> score
 *      type 0 ............. | type 1
 *
 * Reference  sentence-transformers' CrossEncoder over transformers' BertForSequenceClassification
 *            with one label. Scores are its raw ones (logits, unbounded); see embed/reranker.h.
 * Cut        a pair over the limit as the reference's "longest first" does: the longer of the two
 *            to what the shorter one leaves, both to half of it when both are longer than that.
 * Model      a folder with config.json, model.safetensors, and vocab.txt or tokenizer.json; the
 *            pack beside it as for every model (embed/model.h).
 * Cost       a pair costs as much as embedding its tokens; there is nothing to keep of a text.
 * Memory     the pack; scratch per running batch, kept for the next.
 * Threads    immutable; any number of calls at once.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/pool.h"
#include "base/str.h"
#include "embed/model.h"

struct cross_encoder;

struct cross_options {
    const char *model_dir;
    const char *precision, *pack; /* as embedder_options */
    size_t max_tokens;            /* of a pair; 0: what the model takes */
};

/* Errors are those of bert_config_read_cross and model_open. */
int cross_open(struct cross_encoder **out, const struct cross_options *o);
void cross_close(struct cross_encoder *c);

const struct model *cross_model(const struct cross_encoder *c);
const char *cross_name(const struct cross_encoder *c); /* the folder's last part */
size_t cross_max_tokens(const struct cross_encoder *c);

/* Weights, tokenizer and limit; not the precision, as embedder_fingerprint. */
struct digest cross_fingerprint(const struct cross_encoder *c);

/* Tokens of a question or text. A pair has those of both and CROSS_FRAME, before it is cut. */
#define CROSS_FRAME 3 /* [CLS], [SEP], [SEP] */
size_t cross_count(const struct cross_encoder *c, struct str text);

struct cross_call {
    struct pool *pool; /* takes part; NULL: this thread alone */
    struct str question;
    const struct str *texts; /* [n] */
    size_t n;
    uint64_t until_ns; /* on clock_ns: what would not be done by then is not begun; 0: no end */
};

/* The score of each pair. Texts are taken in their order, some at once, so that when the time is
 * over the first ones have their scores.
 *   scores   [n], the caller's; NAN: not scored for lack of time
 * ERR_FORMAT when a score is no number: the weights are damaged. */
int cross_score(struct cross_encoder *c, const struct cross_call *call, float *scores);
