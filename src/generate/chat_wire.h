/* chat_wire.h - what is said to a language model's server, and its reply, believed in nothing.
 *
 *   POST URL/chat/completions  {"model","messages":[{"role","content"},...],"stream":true,
 *                               "stream_options":{"include_usage":true},"temperature","max_tokens"}
 *   stream  {"choices":[{"delta":{"content":"..."},"finish_reason":null}]} ..., then perhaps
 *           {"choices":[],"usage":{"prompt_tokens","completion_tokens"}}, then [DONE]
 *   whole   {"choices":[{"message":{"content":"..."},"finish_reason":"stop"}],"usage":{...}}
 *
 * The shapes are those of OpenAI's chat completions. Members that we do not know mean nothing.
 *
 * Errors   ERR_FORMAT: another shape, wrong types, not JSON, not UTF-8. ERR_UNAVAILABLE: the server
 *          says in its reply that it failed. ERR_LIMIT: nested too deeply. err_text() says what.
 * Threads  free of state.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"
#include "generate/message.h"

#define CHAT_FINISH_MAX 32
#define CHAT_MODEL_MAX  129 /* a longer name is cut */

/* A JSON list of messages, the same for every model that is asked. */
void chat_messages_write(const struct chat_message *messages, size_t n, struct buf *out);

struct chat_ask {
    struct str messages; /* of chat_messages_write */
    const char *model;
    double temperature; /* NAN: the server's own */
    int max_tokens;     /* 0: the server's own */
    bool stream;
};

void chat_ask_write(const struct chat_ask *a, struct buf *out);

/* A reply as far as it has been read. */
struct chat_reply {
    struct buf text;              /* what is new is added; the caller clears it */
    char model[CHAT_MODEL_MAX];   /* as it calls itself; "": not said (yet) */
    char finish[CHAT_FINISH_MAX]; /* "stop", "length", ...; "": not said (yet) */
    bool usage_known;
    size_t prompt_tokens, completion_tokens;
    bool done; /* [DONE] has come: whatever follows is not ours */
};

void chat_reply_init(struct chat_reply *r);
void chat_reply_done(struct chat_reply *r);

/* Reads the data of one event of a stream. */
int chat_reply_chunk(struct chat_reply *r, struct str data);

/* Adds what the body of a refusal says in its error's message, or nothing. */
void chat_refusal_words(struct str body, struct buf *out);

/* Reads a reply that came in one piece. */
int chat_reply_whole(struct chat_reply *r, struct str body);
