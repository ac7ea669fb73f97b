/* rerank_remote.h - scores of pairs from a reranking server (embed/rerank_wire.h has the shapes).
 *
 * Tries      and breaker: net/upstream.h. The probe is a request of our own with one short text.
 * Batches    of `batch` texts, one after the other, each within what is left of the time, so that
 *            when it is over the first texts have their scores.
 * Cut        a text beyond RERANK_TEXT_BYTES is cut before it is sent; the server cuts the rest by
 *            its own tokens.
 * Start      a server that is away or refuses us when we open is no failure, here or later: an
 *            answer without rerank is an answer. `was_reached` and err_text say what was wrong.
 * Errors     ERR_TIMEOUT when time was up, else ERR_UNAVAILABLE; both name the server and say what
 *            was wrong. The key is in none of them.
 * Threads    any number of calls at once, each on its caller's thread.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/str.h"
#include "embed/rerank_wire.h"

#define RERANK_TEXT_BYTES 32768
#define RERANK_BATCH_MAX  1000 /* Cohere's limit */

struct upstream_stats;
struct rerank_remote;

struct rerank_remote_options {
    enum rerank_kind kind;
    const char *url;    /* "http://host:port" (TEI), "https://host/v2" (Cohere) */
    const char *model;  /* Cohere: which; TEI: a name for it, or "" */
    const char *key;    /* NULL: none */
    int64_t timeout_ms; /* of one request with all its tries; at least 1 */
    size_t batch;       /* texts of a request, 1..RERANK_BATCH_MAX */
};

/* What can be said about them without asking: ERR_ARGUMENT naming the setting. */
int rerank_remote_check(const struct rerank_remote_options *o);

int rerank_remote_open(struct rerank_remote **out, const struct rerank_remote_options *o);
void rerank_remote_close(struct rerank_remote *r);

const char *rerank_remote_url(const struct rerank_remote *r);   /* as it may be shown */
const char *rerank_remote_model(const struct rerank_remote *r); /* its name; else its URL */
bool rerank_remote_was_reached(const struct rerank_remote *r);  /* when it was opened */
void rerank_remote_stats(struct rerank_remote *r, struct upstream_stats *out);

/* The model by name; a server that has none by its URL. */
struct digest rerank_remote_fingerprint(const struct rerank_remote *r);

struct rerank_remote_call {
    struct str question;
    const struct str *texts; /* [n] */
    size_t n;
    bool raw;          /* TEI; ERR_UNSUPPORTED of Cohere's form, which has none */
    int64_t within_ms; /* for all of it, beside timeout_ms for each request; 0: that alone */
};

/*   scores   [n], the caller's. When it fails NAN from the first text on that has none. */
int rerank_remote_score(struct rerank_remote *r, const struct rerank_remote_call *call,
                        float *scores);
