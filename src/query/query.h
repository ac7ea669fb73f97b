/* query.h - the path of a question.
 *
 *   admit -> cache -> embed -> search -> fuse -> rerank -> context -> generate -> cache -> reply
 *
 * Every route and command fills ONE struct query; the question key is built from it and from
 * nothing else, so a field that changes the answer cannot be forgotten (a test changes each).
 *
 * Threads  query_run belongs on a compute worker; query_cached is cheap enough for the event loop.
 */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/hash.h"
#include "base/str.h"
#include "base/trace.h"
#include "cache/lru.h"
#include "generate/claims.h"
#include "generate/context.h"
#include "generate/extractive.h"
#include "generate/message.h"
#include "index/retriever.h"

struct adapter;
struct chat_result;
struct engine;
struct question_chat;
struct unfinished;

#define QUESTION_BYTES_MAX 8192
#define QUERY_K_MAX        100
#define RECALL_TARGET_MIN  0.5
#define QUERY_TOKENS_MAX   100000
#define QUERY_HISTORY_MAX  1000

enum query_cache {
    QUERY_CACHE_DEFAULT,
    QUERY_CACHE_NO_STORE,
    QUERY_CACHE_REFRESH,
    QUERY_CACHE_ONLY
};
enum query_answer {
    QUERY_ANSWER_AUTO, /* CHAT where a language model is configured, else EXTRACTIVE */
    QUERY_ANSWER_EXTRACTIVE,
    QUERY_ANSWER_CHAT,
    QUERY_ANSWER_NONE,
};

/* STRICT: another question's answer will do when the guard says that it means the same. */
enum query_semantic { QUERY_SEMANTIC_OFF, QUERY_SEMANTIC_STRICT };

/* Which kept answers will do (Cache-Control of a request); zeros: any that is alive. */
struct query_freshness {
    bool revalidate; /* when the prompt was made again and is the same */
    bool has_max_age;
    int64_t max_age_s;   /* the same for what is older */
    int64_t min_fresh_s; /* what lives shorter is made anew */
};

enum query_encoder { QUERY_ENCODER_AUTO, QUERY_ENCODER_STATIC };

struct query {
    struct str question; /* UTF-8, 1..QUESTION_BYTES_MAX bytes */
    const char *tenant, *collection;
    int k;
    enum search_mode mode;
    enum search_fusion fusion;
    enum search_rerank rerank;
    int ef;
    double recall_target; /* 0: none; else 0.5..1, and it decides in place of ef */
    const struct filter *filter;
    double diversity; /* 1 - mmr; 0: by relevance alone */
    bool collapse;    /* near-duplicates are shown once */
    int window;       /* 0..SEARCH_WINDOW_MAX neighbours on each side go with a hit */
    bool explain;     /* the reply says how the search was done */
    size_t context_chars;
    size_t context_tokens; /* in place of context_chars, as text/tokens.h guesses them; 0: not */
    enum query_answer answer;
    const struct chat_prompt *prompt;   /* as query_defaults has it; NULL: the one in force */
    const char *model;                  /* "auto", "fast", "best" or a configured name; of CHAT */
    int max_tokens;                     /* 0: the server's own */
    double temperature;                 /* NAN: likewise */
    const struct chat_message *history; /* [n_history] turns of user and assistant, oldest first */
    size_t n_history;
    enum query_cache cache;           /* not part of the key */
    struct query_freshness freshness; /* likewise */
    enum query_semantic semantic;     /* not part of the key: how an answer may be found */
    int64_t deadline_ms;              /* 0: none; not part of the key */
    enum query_encoder encoder;       /* STATIC: of eval; never stored, so not part of the key */
    int64_t ttl_ms;                   /* 0: the cache's own; not part of the key */
    bool precomputing;                /* nobody has asked yet; not part of the key */
};

enum cache_status {
    CACHE_MISS,
    CACHE_HIT,
    CACHE_REVALIDATED,
    CACHE_STORED,
    CACHE_SEMANTIC, /* of another question that means the same; the reply names it */
    CACHE_SHARED,
    CACHE_PRECOMPUTED,
    CACHE_JOINED,
    CACHE_BYPASS
};
const char *cache_status_name(enum cache_status s);
bool cache_status_is_hit(enum cache_status s); /* nothing was made for it */

/* Left out or made cheaper for the deadline or under load, or because a part is down. */
enum degraded {
    DEGRADED_EMBED = 1,    /* a vector is not the encoder's, or missing: by words alone */
    DEGRADED_GENERATE = 2, /* passages without an answer */
    DEGRADED_RERANK = 4,   /* not all candidates were read again */
    DEGRADED_QUOTED = 8,   /* quoted sentences in place of a language model's answer */
    DEGRADED_MODEL = 16,   /* another language model than the one chosen */
    DEGRADED_LENGTH = 32,  /* the language model stopped at its bound of tokens */
};

/* What a language model said. */
struct generated {
    struct str text; /* NULL: none was asked, or it did not answer */
    const char *model;
    uint32_t tokens_in, tokens_out;
    double cost;
    const struct claim *claims; /* [n_claims] what the passages say of its sentences */
    size_t n_claims;
};

/* What came out. `shared` holds the part of the reply's JSON that is the same for everybody who
 * asks this (answer, sources, citations, model); it is what the cache keeps, and query_reply adds
 * id, cache and timings to it. The fields above it are set by a fresh run only. */
struct answer {
    struct arena *mem; /* lives exactly as long as this request; the caller's */
    struct trace trace;
    struct hits hits;
    struct passage *passages; /* [n_passages] each hit, followed by its neighbours */
    size_t n_passages;        /* hits.n without a window */
    struct context context;
    struct extract_result extract;
    struct question_chat *chat;    /* a language model is to be asked, or was; NULL: none */
    struct unfinished *unfinished; /* not NULL: it has not answered yet, query_finish is next */
    struct tiers_flight *flight;   /* this run's among replicas; NULL: none */
    bool waits;                    /* another replica asks it: query_await is next */
    struct generated generated;
    int upstream_status; /* of query_finish's error: what the model's server said; 0: nothing */
    int64_t upstream_retry_ms;  /* what it asked to wait; -1: nothing. Degraded answers too */
    const char *upstream_error; /* why it did not answer; NULL: it did, or was not asked */
    unsigned degraded; /* enum degraded, or'ed: what was left out; such answers are not cached */
    enum cache_status cache;
    struct lru_value *shared; /* a reference, given back by answer_done */
};

const char *query_mode_name(enum search_mode m); /* "hybrid" */

void query_defaults(struct query *q, const struct engine *e);

/* Checks the question and brings it to the one form that is embedded, searched and cached: NFC,
 * trimmed, white space folded, case kept. Every way of filling a query ends with it. */
int query_prepare(struct query *q, struct arena *mem);

/* Fills q (defaults are there) from a request of POST /query; text lives in `mem` and in the tree.
 * Unknown members are ERR_ARGUMENT naming them, members of later versions ERR_UNSUPPORTED "not
 * available in this version". `search_only`: the request of /search. */
int query_from_json(struct query *q, const json_t *request, bool search_only, struct arena *mem);

/* The question key: every field above that changes the answer, and the fingerprints of the models
 * and of the collection's adapter. */
struct digest query_key(struct engine *e, const struct query *q, struct arena *mem);

/* Another number after each change of what a key is made of beside the question. Taken before a key
 * is made, it tells for how long the key holds. */
uint64_t query_keys_generation(const struct engine *e);

/* The same under an embedding model and an adapter (NULL: none) that are not perhaps those in
 * force. */
struct digest query_key_under(const struct engine *e, const struct query *q,
                              const struct digest *model, const struct adapter *adapter,
                              struct arena *mem);

/* What identical questions that share a run have in common: the key, the epoch now and what kind of
 * answer they take. */
struct digest query_flight_key(struct engine *e, const struct query *q, const struct digest *key);

/* From memory alone: true when `ans` is filled from the cache at the collection's epoch. Claims no
 * time: it is part of the caller's cache stage. */
bool query_cached(struct engine *e, const struct query *q, const struct digest *key,
                  struct answer *ans);

/* The whole path, with one embedding model from the vector to the last score: a run that the
 * model's change overtakes begins anew. ans->mem and ans->trace (started) are the caller's.
 * ERR_TIMEOUT when only the cache may answer and it cannot. A hybrid question whose embedding fails
 * is answered by its words; one of mode vector fails with the embedder's ERR_UNAVAILABLE or
 * ERR_TIMEOUT. ERR_ARGUMENT when a model is to rerank and none is configured; one that fails or has
 * no time degrades. */
int query_run(struct engine *e, const struct query *q, struct answer *ans);

/* After query_run, when ans->waits: calls `done` on a thread of the cache's when the answer is
 * there or this run has to make it. Then query_awaited tells: true, the answer is there; false, go
 * on as if it had not waited. ans is untouched in between. */
void query_await(struct engine *e, struct answer *ans, void (*done)(void *arg), void *arg);
bool query_awaited(struct engine *e, const struct query *q, struct answer *ans);

/* After query_run, when ans->unfinished is there: a language model was asked what ans->chat says.
 * `text` is what came of it, which counts only when the result says that it is whole; else the
 * quoting answerer stands in, unless the question insists on this model: then ERR_UNAVAILABLE,
 * ERR_TIMEOUT or ERR_ARGUMENT as the result has it. Belongs on a worker. */
int query_finish(struct engine *e, const struct query *q, struct answer *ans,
                 const struct chat_result *result, struct str text);

/* query_run and, where a language model is to be asked, waiting for it on this thread: for those
 * who have no event loop. `token` may be NULL. */
int query_answer_now(struct engine *e, const struct query *q, struct answer *ans,
                     void (*token)(void *arg, struct str text), void *arg);

/* The same for somebody who may leave: the model is let go of soon after `cancelled` is true, and
 * ERR_CANCELLED returned. Members may be NULL. */
struct answer_listener {
    void (*token)(void *arg, struct str text);
    bool (*cancelled)(void *arg);
    void *arg;
};
int query_answer_for(struct engine *e, const struct query *q, struct answer *ans,
                     const struct answer_listener *listener);

/* The same, for what nobody waits for: it computes in the pool's bulk lane, behind those who ask,
 * and this thread (none of the pool) waits. */
int query_answer_behind(struct engine *e, const struct query *q, struct answer *ans,
                        const struct answer_listener *listener);

/* Whether it asks as one does who says nothing but the question, of whatever collection. */
bool query_is_plain(const struct engine *e, const struct query *q);

/* Tells e->asked of a question that somebody asked, whatever came of it. At once. Without text or
 * model (a request known by its bytes, server/seen.h) it counts when the key is known. */
void query_was_asked(struct engine *e, const struct query *q, const struct digest *key);

/* Whether it has waited for its turn longer than it may take in all: then nobody is helped by a run
 * (ERR_TIMEOUT). One that is late only now is still answered, with less. */
bool query_is_late(const struct query *q, uint64_t waited_since_ns);

/* Retrieval alone (POST /search): hits and passages. */
int query_search(struct engine *e, const struct query *q, struct answer *ans);

/* Gives back what the answer shares with the cache. Fine at any time but while it waits. */
void answer_done(struct answer *ans);

/* The reply of POST /query: id, body, cache, timings. `id` as in "q_1f3a...". Ends the trace: the
 * timings come last, and all but writing them is in them. */
void query_reply(struct answer *ans, const char *id, struct buf *out);

/* The same without a copy of what is shared: in pieces, one after the other the reply. `around`
 * (emptied first) and the answer hold them. */
#define QUERY_REPLY_PIECES 3
void query_reply_around(struct answer *ans, const char *id, struct buf *around,
                        struct str pieces[QUERY_REPLY_PIECES]);

/* The list of sources alone: what is known before a language model has answered. */
void query_sources(const struct query *q, const struct answer *ans, struct buf *out);

/* The reply of POST /search, which ends the trace too. */
void query_search_reply(const struct query *q, struct answer *ans, struct buf *out);

/* Writes "timings": an object with each stage, other and total. */
void query_timings(const struct trace *t, struct buf *out);

/* Seconds since the answer was stored, and how many it still has. */
int64_t answer_age_s(const struct answer *ans);
int64_t answer_ttl_s(const struct answer *ans);
