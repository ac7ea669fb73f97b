/* rerank_request.h - the body of POST /rerank in text-embeddings-inference's form, or of
 * /v1/rerank, /v2/rerank and /rerank in Cohere's, read into a question and texts.
 *
 *   member                      form    is
 *   query                       both    the question; not empty
 *   texts / documents           both    strings; Cohere: also objects with a "text"
 *   raw_scores (false)          TEI     scores as the model gives them, instead of 0..1
 *   return_text (false)         TEI     texts come back with their scores
 *   truncate (false)            TEI     cut what is too long instead of refusing it
 *   truncation_direction        TEI     right, nothing else
 *   model                       Cohere  the model's name or RERANK_MODEL_ALIAS
 *   top_n (all)                 Cohere  how many come back
 *   return_documents (false)    Cohere  texts come back with their scores
 *
 * /rerank is in Cohere's form when it has "documents". Cohere's cuts what is too long. With a
 * reranking server nobody here counts tokens: it cuts.
 *
 * Errors   every failure tells its status, code and member in `why`; the text is err_text().
 * Threads  free of state; takes milliseconds for large bodies, so a worker does those.
 */
#pragma once
#include "base/arena.h"
#include "embed/reranker.h"
#include "server/compat.h"

#define RERANK_MODEL_ALIAS "ragd-rerank"
#define RERANK_TEXTS_MAX   1000   /* as Cohere */
#define RERANK_TOKENS_MAX  300000 /* of all pairs in one request */

struct rerank_request {
    enum dialect dialect; /* TEI or COHERE */
    struct str question;
    struct str *texts;  /* [n] */
    uint32_t *n_tokens; /* [n] of each pair as it will be read; 0: a server counts */
    size_t n;
    size_t n_tokens_all;
    size_t top_n;
    bool raw, return_texts;
    const char *ignored; /* for x-ragd-ignored; "": nothing was */
};

/*   r            NULL: none is configured, and every request is refused (501)
 *   reply_bytes  what the reply may have; more than surely fits is ERR_LIMIT
 *   out          lives in mem; the body is not needed any more. Its dialect is set though this
 * fails why          status, code and param when this fails, else untouched */
int rerank_request_read(struct rerank_request *out, struct str path, struct str body,
                        const struct reranker *r, size_t reply_bytes, struct arena *mem,
                        struct refusal *why);
