/* chat.h - asks language models on an event loop: again, elsewhere, twice, in time, or not at all.
 *
 *   chat_start -> the first model of the chain that its breaker lets through
 *                  |-- first token ------------------> token, token, ... -> done
 *                  |-- passing trouble --- pause ----> the same model, up to CHAT_TRIES times
 *                  |-- other trouble, tries used up -> the next model
 *                  +-- later than most (p95) --------> hedge: a second request, the first token
 * wins
 *
 * Tries      only before the first token was handed out: when the server is not reached or hangs
 *            up, on 408, 429, 500, 502, 503 and 504. Retry-After is honoured when it is at most
 *            CHAT_PAUSE_MAX_MS and fits into the deadline; else the next model is asked at once,
 *            or, where there is none, the caller told. 400 is final for the whole chain, any other
 *            refusal and any nonsense for its model.
 * First      a model that has not begun after its first_token_ms has failed: the next model, or
 * token      where there is none another try. A first token that was handed out is never taken
 *            back: what goes wrong afterwards ends the answer, with complete = false, unless
 *            `cut` says that nobody has seen it. Then the next model is asked.
 * Hedge      at most one a call, after the model's p95 but not before CHAT_HEDGE_MIN_MS, and not
 *            for the probe of a breaker. The one that loses is cancelled.
 * Deadline   until_ns bounds everything; ERR_TIMEOUT then.
 * Callbacks  come from the loop, never from inside chat_start; done comes once and last.
 * Threads    confined to the thread of the loop; the models are shared.
 * Limits     see chat_try.h.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "base/err.h"
#include "base/str.h"
#include "base/trace_context.h"
#include "generate/chat_models.h"
#include "generate/chat_wire.h"

#define CHAT_TRIES        3
#define CHAT_PAUSE_MAX_MS 2000
#define CHAT_HEDGE_MIN_MS 50

struct chat;
struct chat_run;

struct chat_result {
    int rc; /* ERR_OK; ERR_TIMEOUT, ERR_UNAVAILABLE, ERR_ARGUMENT, ERR_FORMAT, ERR_LIMIT */
    const char *error;      /* why, where rc < 0, else "" */
    int status;             /* the last one a server sent; 0: none */
    int64_t retry_after_ms; /* that came with it; -1: none */
    size_t i_model;         /* who answered, or was asked last */
    size_t prompt_tokens, completion_tokens;
    bool usage_known;   /* whether the two above are */
    bool complete;      /* the whole answer is there: finished by "stop" or "length" */
    const char *finish; /* "": not said */
    int tries;          /* requests in all, a hedge included */
    bool hedged;
    double cost;             /* 0 where the usage is not known */
    uint64_t first_token_ns; /* since chat_start; 0: no token came */
};

/* One request of a call, for the call's trace. Times are of clock_ns; 0: not yet, or never. */
#define CHAT_TRIED_MAX 25
struct chat_tried {
    size_t i_model;
    struct trace_context context; /* what it took along: its span_id is its own */
    uint64_t start_ns, first_token_ns, end_ns;
    int resends;    /* how often this model was asked before */
    bool hedge;     /* a second because the first was late */
    bool cancelled; /* nobody waited for its end */
    int rc;         /* as `error` says */
    char error[ERR_TEXT_MAX];
    int status;                 /* 0: none came */
    char model[CHAT_MODEL_MAX]; /* that answered, as it calls itself; "": not said */
    char finish[CHAT_FINISH_MAX];
    bool usage_known;
    size_t prompt_tokens, completion_tokens;
};

struct chat_call {
    const struct chat_message *messages; /* borrowed for the call, as are models */
    size_t n;
    const int *models;  /* the chain, indices of chat_models: the first is asked, the others stand
                           in for it in their order; a forced model is a chain of one */
    size_t n_models;    /* at least 1 */
    double temperature; /* NAN: the server's own */
    int max_tokens;     /* 0: the server's own */
    uint64_t until_ns;  /* of clock_ns; 0: none */
    bool hedge;
    const struct trace_context *trace; /* the requests are part of it; NULL: of none; lives as long
                                        * as the call */
    bool record; /* and each has an id of its own there, under which chat_tries tells of it */
    void (*token)(void *arg, struct str text); /* at least one byte; borrowed */
    /* An answer that broke off, where another model is left: true takes back all that was said.
     * NULL: nothing is. Must not cancel. */
    bool (*cut)(void *arg);
    void (*done)(void *arg, const struct chat_result *result); /* borrowed */
    void *arg;
};

/* The models outlive it. */
struct chat *chat_new(uv_loop_t *loop, struct chat_models *models);

/* No call is running, and not from inside a callback. The handles on the loop are closed; the
 * owner runs the loop until they are gone, as it must before uv_loop_close. */
void chat_free(struct chat *c);

/* The pointer is good until done or chat_cancel. */
struct chat_run *chat_start(struct chat *c, const struct chat_call *call);

/* What was recorded so far, the first CHAT_TRIED_MAX; good until done has returned. What is still
 * under way has no end yet. */
const struct chat_tried *chat_tries(const struct chat_run *run, size_t *n);

/* No callback after it; the connections are closed at once. Also from inside `token`. */
void chat_cancel(struct chat_run *run);
