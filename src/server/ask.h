/* ask.h - one question on its way: memory, then another's run of the same, then a run of its own.
 *
 *   loop: query_cached --hit--> done
 *           | miss
 *         flights_join --waits--> landed (leader's thread) -> loop: done
 *           | leads
 *         pool -> query_run -> flights_land -> loop: done
 *
 * Threads  confined to the loop; `answer` belongs to a worker between ask_start and done.
 */
#pragma once
#include "query/query.h"
#include "server/loop.h"

#define QUERY_ID_BYTES 36 /* "q_", 32 hex digits, NUL */

struct ask {
    struct loop *loop;
    struct query query;
    struct digest key;
    struct answer answer; /* mem and trace: the caller's; the rest is filled for done */
    uint64_t since_ns;    /* what comes after this is the cache stage, the key included */
    int rc;
    const char *error; /* when rc < 0; borrowed during done */
    void (*done)(struct ask *a);
    void *arg;

    char id[QUERY_ID_BYTES]; /* ours, as all below */
    struct digest flight;
    bool leads;
    struct work work;
};

/* loop, query, key, answer.mem, answer.trace, since_ns, done and arg are set. done is called once:
 * before this returns when memory has the answer or the queue is full, else later on the loop. The
 * caller then owes an answer_done. */
void ask_start(struct ask *a);

/* During done, after a success: the reply of POST /query. Ends the trace and counts it. */
void ask_reply(struct ask *a, struct buf *out);
