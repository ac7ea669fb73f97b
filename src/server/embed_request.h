/* embed_request.h - the body of POST /v1/embeddings (OpenAI) or POST /embed
 * (text-embeddings-inference), read into token ids.
 *
 *   body --json--> inputs --prefix, tokenize, frame--> ids within the model's limit
 *
 * An input is a text, or a list of our tokenizer's ids, which is taken as it is: no prefix; [CLS]
 * and [SEP] are put around it unless it begins and ends with them. What the encoder will see is
 * what is counted.
 *
 *   member                      of         is
 *   input / inputs              both       string, list of strings, token list, list of those
 *   model                       /v1        the model's name or EMBED_MODEL_ALIAS
 *   encoding_format             /v1        float (default), base64
 *   input_type                  /v1        document (default), query: whose prefix
 *   prompt_name                 /embed     none (default), document, query: whose prefix
 *   truncate (false)            /embed     cut what is too long instead of refusing it
 *   truncation_direction        /embed     right (default), left: which end is cut off
 *   normalize (true)            /embed     vectors of length 1
 *   dimensions                  both       the model's own, nothing else
 *
 * An embedder that is with a server has no token ids, and every request is refused (501).
 *
 * Errors   every failure tells its status, code and member in `why`; the text is err_text().
 * Threads  free of state; takes milliseconds for large bodies, so a worker does those.
 */
#pragma once
#include "base/arena.h"
#include "embed/embedder.h"
#include "server/compat.h"

#define EMBED_MODEL_ALIAS "ragd-embedding"
#define EMBED_INPUTS_MAX  2048   /* as OpenAI */
#define EMBED_TOKENS_MAX  300000 /* in one request; as OpenAI */

struct embed_request {
    enum dialect dialect;
    struct embed_item *items; /* [n] in order, ids and raw set */
    size_t n;
    size_t n_tokens; /* of all items, [CLS] and [SEP] included */
    bool base64;
    const char *ignored; /* for x-ragd-ignored; "": nothing was */
};

/*   reply_bytes  what the reply may have; more inputs than surely fit are ERR_LIMIT
 *   out          lives in mem; the body is not needed any more
 *   why          status, code and param when this fails, else untouched                          */
int embed_request_read(struct embed_request *out, enum dialect dialect, struct str body,
                       const struct embedder *e, size_t reply_bytes, struct arena *mem,
                       struct refusal *why);
