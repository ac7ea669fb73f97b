/* ask.h - one question on its way: memory, then another's run of the same, then a run of its own.
 *
 *   loop: query_cached --hit--> done
 *           | miss
 *         flights_join --waits--> landed (leader's thread) -> loop: done
 *           | leads
 *         pool -> query_run -> flights_land -> loop: done
 *                   | a language model is to be asked, perhaps by another replica just now
 *                   |   (query_await)
 *                 loop: began -> tokens into the log -> pool -> query_finish -> flights_land
 *                                                    -> loop: done
 *
 * A model that is asked for nobody any more is cancelled, unless stream.abandoned says otherwise:
 * its asker has left, nobody reads the log, and nobody waits for the same. Who read the log has
 * stream.grace_ms to come back with Last-Event-ID.
 *
 * Threads  confined to the loop; `answer` belongs to a worker between ask_start and done.
 */
#pragma once
#include "generate/chat.h"
#include "query/query.h"
#include "server/loop.h"
#include "server/replay.h"

#define QUERY_ID_BYTES 36 /* "q_", 32 hex digits, NUL */

struct ask {
    struct loop *loop;
    struct query query;
    struct digest key;
    uint64_t generation;   /* of the key; see query_keys_generation */
    struct limited *payer; /* whose tokens a model takes (server/limits.h); NULL: nobody's */
    struct answer answer;  /* mem and trace: the caller's; the rest is filled for done */
    uint64_t since_ns;     /* what comes after this is the cache stage, the key included */
    int rc;
    const char *error; /* when rc < 0; borrowed during done */
    void (*done)(struct ask *a);
    void (*began)(struct ask *a); /* may be NULL: a model is asked, and `log` has the sources */
    void *arg;
    const struct trace_context *trace; /* whose part it is; NULL: no trace's; the caller's */
    bool recorded;         /* then `tries` tells of each request to a model, in the end */
    bool follows;          /* streams: when a model answers somebody who asked the same before, its
                            * log will do; `began` and `done` are called at once then */
    struct event_log *log; /* of a model's answer, from `began` on; the ask's reference */

    char id[QUERY_ID_BYTES]; /* ours, as all below */
    struct digest flight;
    bool leads;
    struct work work;
    struct chat_run *asking; /* NULL: no model is being asked */
    bool left;               /* who asked is gone */
    bool beginning;          /* `began` and the followers come first, whatever they find */
    struct ask *next_waiting, *previous_waiting;
    struct ask *next_deserted, *previous_deserted;
    bool deserted;     /* in the loop's list */
    uint64_t grace_ms; /* of uv_now: until when a reader may come back */
    uint64_t asking_since_ns;
    struct chat_result result;
    struct chat_tried *tries; /* [n_tries], in answer.mem */
    size_t n_tries;
    struct buf text;    /* of the model */
    struct buf written; /* the reply, when the log has it already */
};

/* loop, query, key, answer.mem, answer.trace, since_ns, done and arg are set. done is called once:
 * before this returns when memory has the answer or the queue is full, else later on the loop. The
 * caller then owes an ask_done. */
void ask_start(struct ask *a);

/* The first part of ask_start: true when memory has the answer, which `a` then holds. `done` comes
 * with ask_finish_cached, or nothing at all. */
bool ask_cached(struct ask *a);
void ask_finish_cached(struct ask *a);

/* Who asked does not want it any more, or cannot get it. `done` is called all the same: within this
 * call when a model's answer is cancelled by it. */
void ask_leave(struct ask *a);

/* The log of the same question, when a model is answering it on this loop: a reference or NULL. The
 * ask has its id then, as from ask_start. */
struct event_log *ask_live(struct ask *a);

/* The status of a failed ask: 429 where that is what the model's server said. */
int ask_status(const struct ask *a, int rc);

/* Gives back what the ask holds. */
void ask_done(struct ask *a);

/* During done, after a success: the reply of POST /query. Ends the trace and counts it. */
void ask_reply(struct ask *a, struct buf *out);
/* The same in pieces, of which `around` and the ask hold the bytes (query_reply_around). */
void ask_reply_around(struct ask *a, struct buf *around, struct str pieces[QUERY_REPLY_PIECES]);
