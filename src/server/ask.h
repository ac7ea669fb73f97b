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

struct ask {
    struct loop *loop;
    struct query query;
    struct digest key;
    struct answer answer; /* mem and trace: the caller's; the rest is filled for done */
    int rc;
    const char *error; /* when rc < 0; borrowed during done */
    void (*done)(struct ask *a);
    void *arg;

    struct digest flight; /* ours */
    bool leads;
    struct work work;
};

/* loop, query, key, answer.mem, answer.trace, done and arg are set. done is called once: before
 * this returns when memory has the answer or the queue is full, else later on the loop. The
 * caller then owes an answer_done. */
void ask_start(struct ask *a);
