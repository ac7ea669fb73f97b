/* remote.h - vectors from an embedding server: OpenAI's shape or text-embeddings-inference's.
 *
 *   texts --batches of `batch`, REMOTE_AT_ONCE in flight--> requests --tries--> vectors
 *   questions --REMOTE_QUESTION_CALLS in flight; those who wait share the next--^
 *
 * Questions  neither wait for documents nor take room from them: they have requests and connections
 *            of their own. See embed/gather.h for how they share requests; one that the server
 *            refuses (400, 413, 422, nonsense) fails nobody else.
 * Tries      and breaker: net/upstream.h. The probe is a request of our own with one short text, so
 *            that a large batch cannot hold it up.
 * Name       the fingerprint is model, dimension and prefixes: the same model behind another URL,
 *            or in the other shape, gives the same vectors. A hash of a probe's vector would change
 *            with the server's hardware and precision, so another model that hides behind the same
 *            name and dimension is not seen.
 * Start      a server that is away when we open is no failure if the model's name is given and its
 *            dimension is given or known (`known_dim`); it is looked at again when it is needed.
 * Errors     ERR_TIMEOUT when time was up, else ERR_UNAVAILABLE, whatever the server did; both name
 *            it and say what was wrong. The key is in none of them.
 * Threads    any number of calls at once; batches of one call run on REMOTE_AT_ONCE - 1 threads of
 *            the module's own and the caller's.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/str.h"
#include "embed/remote_wire.h"

#define REMOTE_AT_ONCE        4
#define REMOTE_QUESTION_CALLS 4 /* remote.c has the figures */
#define REMOTE_BATCH_MAX      2048
#define REMOTE_MAX_TOKENS     512 /* of a model that does not say */

struct embed_item;
struct remote;
struct wordpiece;

struct remote_options {
    enum remote_kind kind;
    const char *url;   /* "https://host/v1" (OpenAI), "http://host:port" (TEI) */
    const char *model; /* OpenAI: required; TEI: "" takes what it serves, else it must agree */
    const char *key;   /* NULL: none */
    const char *query_prefix, *document_prefix; /* NULL: "" */
    const char *tokenizer_dir; /* folder with the model's WordPiece tokenizer, or NULL */
    int64_t timeout_ms;        /* of one request with all its tries; at least 1 */
    size_t batch;              /* texts of a request, 1..REMOTE_BATCH_MAX */
    size_t dimensions;         /* 0: what the server gives; else asked for (OpenAI) and required */
    size_t known_dim;          /* from earlier vectors of this model; 0: none */
    size_t max_tokens;         /* 0: what the server says, else REMOTE_MAX_TOKENS */
};

struct remote_info {
    const char *kind;  /* "openai" or "tei" */
    const char *url;   /* as it may be shown */
    const char *model; /* as configured, or as the server says */
    size_t dim, max_tokens, batch;
    bool was_reached; /* when it was opened */
};

struct remote_stats {
    uint64_t requests, failures, retries; /* failures: of tries, but not statuses 4xx */
    size_t waiting;                       /* questions that are in no request yet */
    bool open;                            /* the breaker */
};

/* What can be said about them without asking: ERR_ARGUMENT or ERR_LIMIT, naming the setting. */
int remote_options_check(const struct remote_options *o);

int remote_open(struct remote **out, const struct remote_options *o);
void remote_close(struct remote *r);

const struct remote_info *remote_info(const struct remote *r);
const struct wordpiece *remote_tokenizer(const struct remote *r); /* NULL: tokens are guessed */
void remote_stats_get(struct remote *r, struct remote_stats *out);

struct digest remote_fingerprint(const struct remote *r);
/* What it would be for a dimension: finds the known one among stored models. */
struct digest remote_fingerprint_of(const struct remote_options *o, size_t dim);

/* Vectors of texts as they are, in order, of length 1.
 *   within_ms  bounds each request with its tries, beside the configured timeout; 0: that alone.
 *              A call of n texts takes ceil(n / batch / REMOTE_AT_ONCE) times that at most.
 *   out        [n, dim], untouched when the call fails                                          */
int remote_embed(struct remote *r, const struct str *texts, size_t n, int64_t within_ms,
                 float *out);

/* The same with prefixes, and cut to what the model takes (embedder.h). There are no vectors of
 * sentences: span_vectors are set to zero. */
int remote_query(struct remote *r, struct str text, int64_t within_ms, struct arena *mem,
                 float **out);
int remote_documents(struct remote *r, struct embed_item *items, size_t n);
