/* request_ask.h - a request that is a question: what its routes have in common.
 *
 *   request_ask -> request_ask_start -> (began) -> done: request_ask_reply or request_ask_refuse,
 *                                                        then request_release
 *
 * Threads  confined to the loop.
 */
#pragma once
#include <jansson.h>

#include "server/ask.h"
#include "server/exchange.h"

/* Where server.log_questions says so. */
void request_log_question(struct request *r, const struct query *q);

/* What a route remembers of a request beside its question: given again before `done` comes, which
 * it may set. Borrowed. */
typedef void (*request_ask_ready_fn)(struct ask *a, struct str more);

/* A request that was asked before, byte for byte, and whose answer is in memory: `done` is called
 * within, and r is answered. False: nothing has happened, and the request is read as ever. `ready`
 * may be NULL. */
bool request_ask_again(struct request *r, request_ask_ready_fn ready, void (*done)(struct ask *a));

/* An ask that belongs to r, from a request of POST /query; r->ask is it. `tree` goes with r. What
 * Cache-Control says counts where the tree has no "cache". */
int request_ask(struct request *r, const json_t *tree, void (*done)(struct ask *a),
                struct ask **out);

/* The next request of the same bytes is one that was asked before, unless this one is not to be
 * stored or asks for a fresh run. */
void request_ask_learn(struct request *r, const struct ask *a, struct str more);

/* Holds r until `done` has released it. */
void request_ask_start(struct request *r, struct ask *a);

/* For `began`, where the reply is not a stream: from now on the client's leaving is worth noticing.
 * `done` begins with r->on_gone = NULL. */
void request_ask_began(struct ask *a);

/* The reply of POST /query into `body`, and the header lines that go with it. */
void request_ask_reply(struct request *r, struct ask *a, struct buf *body);

/* The whole reply of POST /query, head and all. */
void request_ask_answer(struct request *r, struct ask *a);

/* The line that tells what a model's server asked us to wait: "Retry-After" of a refusal, else
 * "x-upstream-retry-after". Nothing where it did not. */
void request_ask_retry_after(struct request *r, const struct ask *a);

/* A refusal in the shape of the path. */
void request_ask_refuse(struct request *r, struct ask *a);
/* The same before `done`, for a reason that the log has. */
void request_ask_refuse_as(struct request *r, const struct ask *a, const struct refusal *why);
