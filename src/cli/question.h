/* question.h - the options that say how a question is asked, shared by query, search and bench.
 *
 * They become the JSON request of POST /query, so that a command, a request over HTTP and their
 * error messages are the same thing.
 *
 * Threads  confined.
 */
#pragma once
#include <argp.h>
#include <jansson.h>
#include <stdbool.h>

#include "query/query.h"

struct engine;
struct common;

struct question_options {
    long k, ef, deadline_ms, window;    /* 0: the default */
    long context_chars, context_tokens; /* likewise; one of them */
    double recall_target;               /* 0: none */
    double mmr;                         /* counts when has_mmr */
    bool has_mmr, collapse, explain;
    const char *mode, *fusion, *rerank, *filter, *cache, *semantic;
    const char *answer, *llm; /* who answers: a kind, a language model */
};

extern const struct argp question_argp; /* input: struct question_options */
extern const struct argp answer_argp;   /* the same: who answers, for commands that want answers */

/* The request as an object (json_decref it). ERR_ARGUMENT for a filter that cannot be read. */
int question_request(const struct question_options *o, const char *question, const char *collection,
                     bool search_only, json_t **out);

/* Asks here: a reply of POST /query or /search in `reply`. */
int question_ask(struct engine *e, const struct common *common, const json_t *request,
                 bool search_only, struct buf *reply);

/* The same for an answer, of which a language model's words are told as they come; the reply has
 * the last word, which may be another when the model breaks off. */
int question_ask_for(struct engine *e, const struct common *common, const json_t *request,
                     const struct answer_listener *listener, struct buf *reply);
