/* chat_request.h - a request of POST /v1/chat/completions as one of POST /query.
 *
 *   messages       the last one is the user's and the question; those of user and assistant before
 *                  it are the history; text parts of a content are joined; system messages are not
 *                  read (retrieval decides what is known, the template how it is asked)
 *   model          "ragd": as the server chooses; "ragd-extractive": quoted; or a configured one
 *   max_tokens, max_completion_tokens, temperature, stream, stream_options.include_usage
 *   ragd           what else /query takes: {"collection": "law", "k": 10, "filter": {...}}
 *
 * Threads  free of state.
 */
#pragma once
#include <jansson.h>
#include <stdbool.h>

#include "base/arena.h"
#include "server/compat.h"

struct engine;

struct chat_request {
    json_t *query;       /* the request of /query; json_decref it */
    const char *model;   /* as it was asked for */
    const char *ignored; /* members that nobody reads, for x-ragd-ignored; "" */
    bool stream, include_usage;
};

/* ERR_*; *why says what to tell the client, its texts in `mem`. */
int chat_request_read(const struct engine *e, const json_t *tree, struct arena *mem,
                      struct chat_request *out, struct refusal *why);
