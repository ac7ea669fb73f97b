/* reranker.h - a question and texts in, how well each answers it out: our cross-encoder, or a
 * server's (rerank_remote.h).
 *
 * Scores   0..1, the sigmoid of the model's raw one: what text-embeddings-inference gives, and
 *          sentence-transformers' CrossEncoder by default. Models that were trained otherwise
 *          (ms-marco-*: "Identity") give their raw scores there; they are had with `raw`, and the
 *          order is the same. A server's are its own.
 * Threads  immutable; any number of calls at once.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/pool.h"
#include "base/str.h"

struct reranker;
struct rerank_remote_options;
struct upstream_stats;

struct reranker_options {
    const char *model_dir;                      /* of a local one */
    const char *precision, *pack;               /* as embedder_options */
    size_t max_tokens;                          /* of a pair; 0: what the model takes */
    const struct rerank_remote_options *remote; /* a server instead of the above, or NULL */
};

struct reranker_info {
    const char *kind;  /* "local", "tei" or "cohere" */
    const char *name;  /* the folder's last part; of a server: its model */
    const char *url;   /* of a server, as it may be shown; NULL of a local one */
    bool was_reached;  /* the server, when we opened; a local one: true */
    size_t max_tokens; /* of a pair; 0 of a server, as all below is 0 or NULL */
    size_t n_frame;    /* tokens of a pair beside those of question and text */
    size_t n_layers, hidden;
    const char *precision;
    size_t weight_bytes, memory_bytes;
    const char *pack; /* the pack's file; NULL: in memory only */
};

/* Of a local one the errors are cross_open's. A server that is away is none; err_text says what
 * was wrong when it was not reached. */
int reranker_open(struct reranker **out, const struct reranker_options *o);
void reranker_close(struct reranker *r);

const struct reranker_info *reranker_info(const struct reranker *r);
struct digest reranker_fingerprint(const struct reranker *r);
/* False for a local one. */
bool reranker_remote_stats(const struct reranker *r, struct upstream_stats *out);

/* Tokens of a question or text; 0 when a server counts them. */
size_t reranker_count(const struct reranker *r, struct str text);

struct rerank_call {
    struct pool *pool; /* idle workers take part; NULL: this thread alone */
    struct str question;
    const struct str *texts; /* [n] */
    size_t n;
    bool raw;
    uint64_t until_ns; /* on clock_ns: what would not be done by then is left out; 0: no end */
};

/* How well each text answers the question, the first texts first.
 *   scores   [n], the caller's; NAN: left out, for lack of time or because the rest failed
 * ERR_UNAVAILABLE or ERR_TIMEOUT when a server fails. */
int reranker_score(struct reranker *r, const struct rerank_call *call, float *scores);
