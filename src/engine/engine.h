/* engine.h - opens, owns and closes everything that lives as long as the process.
 *
 * No globals: state hangs off struct engine. Opened in the order below, closed in reverse, but for
 * the pool, which goes first because its queued work uses the others.
 *
 *   lock -> store -> keys, embedder, reranker, language models -> pool -> retriever
 *        -> static encoders, adapters -> answers, tiers, flights, questions
 *
 * Threads  the struct is immutable once open, but for what is marked; its parts say for themselves.
 *          The embedder changes with the model (ingest/reembed.h): whoever uses it takes a
 *          reference and keeps it from the first vector to the last thing compared with it.
 */
#pragma once
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/pool.h"
#include "cache/alike.h"
#include "cache/answers.h"
#include "cache/asked.h"
#include "cache/flights.h"
#include "cache/kept_questions.h"
#include "cache/tiers.h"
#include "embed/embedder.h"
#include "embed/reranker.h"
#include "engine/adapters.h"
#include "engine/chatting.h"
#include "engine/config.h"
#include "engine/keys.h"
#include "engine/static_encoders.h"
#include "index/retriever.h"
#include "store/lock.h"
#include "store/store.h"

struct engine {
    struct config config;
    struct folder_lock *lock;
    struct store *store;
    struct keys *keys;               /* who may ask */
    pthread_mutex_t model_mu;        /* guards the fields below once the engine is open */
    struct embedder *embedder;       /* in force; see engine_embedder */
    atomic_uint_fast64_t n_models;   /* grows after each change of the model in force */
    struct embedder *coming;         /* see engine_set_coming; guarded too */
    atomic_bool reembedding;         /* one at a time */
    atomic_bool summarizing;         /* likewise; see ingest/model_summaries.h */
    struct reranker *reranker;       /* NULL: none is configured */
    struct chat_models *chat_models; /* NULL: none is configured */
    struct prompt_template *prompt;  /* what they are asked with */
    struct digest chat_digest;       /* of both */
    struct pool *pool;               /* compute workers: embed, search, answer */
    struct retriever *retriever;
    struct static_encoders *static_encoders;
    struct adapters *adapters;
    atomic_uint_fast64_t embed_token_ns; /* what a token of a question takes the encoder; 0: not
                                          * known. A running mean, as the machine is just now */
    struct answers *answers;             /* in memory */
    struct tiers *tiers;                 /* in the store, and in a Redis where one is configured */
    struct flights *flights;
    struct alike *alike;         /* questions that others may be taken for */
    struct asked *asked;         /* what is asked, where somebody has a use for it */
    struct kept_questions *kept; /* NULL: none are kept */
    atomic_int n_ingesting;      /* runs of ingest (ingest/run.h) that go on now */
    struct {
        atomic_uint_fast64_t documents, chunks, refused; /* documents that were not written */
    } ingested;                                          /* since the engine was opened */
    int64_t started_ms;
};

/* Opens the data folder named in the configuration. ERR_BUSY when another process owns it. */
int engine_open(struct engine **out, const struct config *config);

/* Forgets the answers of all tiers. ERR_UNAVAILABLE: all but those in Redis. */
int engine_forget_answers(struct engine *e);

/* The same, but collections are read beside what follows (retriever_options.reads_beside). */
int engine_open_beside(struct engine **out, const struct config *config);
void engine_close(struct engine *e);

/* How many compute threads a configuration comes to. */
int engine_workers(const struct config *config);

/* The embedder in force, with a reference: embedder_close gives it back. */
struct embedder *engine_embedder(struct engine *e);

/* Its fingerprint alone. */
struct digest engine_fingerprint(struct engine *e);

/* From now on documents are embedded with `next` too (NULL: no more), so that it need not catch up
 * with them; a reference is taken. engine_coming gives one, or NULL. */
void engine_set_coming(struct engine *e, struct embedder *next);
struct embedder *engine_coming(struct engine *e);

/* From now on `next` is in force; a reference is taken. Static encoders of the old one are gone,
 * and fitted anew where somebody fits them. For retriever_switch's `switched`. */
void engine_take_model(struct engine *e, struct embedder *next);
