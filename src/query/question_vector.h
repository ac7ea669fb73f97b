/* question_vector.h - the encoder, or what stands in for it when time is short.
 *
 *   deadline   what is left of it is less than this question's tokens take the encoder
 *   load       the work waiting before the compute threads is more than STAND_IN_WAIT_MS
 *
 * Then the vector comes from the collection's static encoder, in microseconds; without one (few
 * chunks) there is none and the question is searched by its words. Either way the answer says
 * "embed" in `degraded`, is not stored, and the vector is not remembered. How long the encoder
 * takes is a running mean over questions (engine.embed_token_ns); before the first one only a
 * deadline that has passed counts. "cache":"only" always takes the encoder: it asks for what a full
 * run stored. With embed.static = off every question takes it.
 *
 * When a server embeds there is no static encoder, even where its tokenizer is here. The server is
 * waited for as long as the deadline allows, and a hybrid question whose server fails goes by its
 * words.
 *
 * Threads  locked.
 */
#pragma once
#include <stdbool.h>

#include "base/arena.h"
#include "base/trace.h"

struct embedder;
struct engine;
struct query;

/* With the queue's 256 places and an encoder of 2 ms, a machine of two cores comes here shortly
 * before it answers 503; the int8 encoder never does. */
#define STAND_IN_WAIT_MS 200

/* `model` is the caller's, whose snapshot it must fit. *out [dim] in `mem`, or NULL: words only;
 * *stood_in: not the encoder's. ERR_NOT_FOUND when the query insists on a static encoder and there
 * is none. */
int question_vector(struct engine *e, struct embedder *model, const struct query *q,
                    const struct trace *trace, struct arena *mem, float **out, bool *stood_in);
