/* compat.h - what the routes in the shape of other services share: how they refuse, and what they
 * leave unread.
 *
 *   /v1/...          OpenAI                     {"error":{"message","type","param","code"}}
 *   /v1/rerank, /v2/rerank  Cohere              {"message"}, and OpenAI's "error" beside it
 *   /embed, /rerank  text-embeddings-inference  {"error","error_type"}
 *   the rest         RFC 9457                   see http_problem
 *
 * The path decides, so a wrong method or a body over the limit is told in the same shape. On
 * /rerank a body in Cohere's form is refused in Cohere's.
 *
 * Threads  free of state.
 */
#pragma once
#include <jansson.h>

#include "base/arena.h"
#include "base/buf.h"

enum dialect { DIALECT_RAGD, DIALECT_OPENAI, DIALECT_TEI, DIALECT_COHERE };

enum dialect dialect_of_path(struct str path);

struct refusal {
    int status;
    const char *code;  /* a short stable word: err_name(rc), "model_not_found" */
    const char *param; /* the member that was wrong, or NULL; OpenAI's shape names it */
    struct str detail; /* a sentence for a human */
};

/* Writes the body of a refusal; returns its media type, static. */
const char *refusal_write(struct buf *out, enum dialect d, const struct refusal *why);

/* The value of x-ragd-ignored, in mem: members of obj that are not in the NULL-terminated list, by
 * name, "a, b"; "" when there are none. Fit for a header whatever the names hold; of many, the
 * first IGNORED_NAMES_MAX and "...". */
#define IGNORED_NAMES_MAX 16
const char *ignored_members(const json_t *obj, const char *const *known, struct arena *mem);
