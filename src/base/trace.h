/* trace.h - where one question's time went, stage by stage.
 *
 *   queue      receiving, reading, waiting for a worker, the way back
 *   cache      the key, look-ups, remembering
 *   embed ... generate   the run
 *   reply      writing the reply
 *
 * The total has a clock of its own, so what no stage claims shows up as `other`. A stage that
 * follows another in the same function begins where that one ended (trace_add returns it); where
 * the path goes through other hands a stage begins with a clock of its own.
 *
 * Threads  confined: it travels with the request.
 */
#pragma once
#include <stdint.h>

#include "base/clock.h"

enum stage {
    STAGE_QUEUE,
    STAGE_CACHE,
    STAGE_EMBED,
    STAGE_SEARCH,
    STAGE_FETCH,
    STAGE_RERANK,
    STAGE_CONTEXT,
    STAGE_GENERATE,
    STAGE_REPLY,
    N_STAGES
};

struct trace {
    uint64_t start_ns;           /* the first parsed byte */
    uint64_t end_ns;             /* the reply was written; 0: not yet */
    uint64_t ns[N_STAGES];       /* may be entered several times; adds up */
    uint64_t first_ns[N_STAGES]; /* when each began for the first time; 0: it did not */
};

/* "queue", "cache", ... */
const char *stage_name(enum stage s);
/* "queue_ms", "cache_ms", ...: the member of "timings" */
const char *stage_ms_name(enum stage s);

static inline void trace_start(struct trace *t)
{
    *t = (struct trace){.start_ns = clock_ns()};
}

/* Adds the time since `since_ns` to a stage and returns now, so that stages chain. */
static inline uint64_t trace_add(struct trace *t, enum stage s, uint64_t since_ns)
{
    uint64_t now = clock_ns();

    t->first_ns[s] = t->first_ns[s] ? t->first_ns[s] : since_ns;
    t->ns[s] += now - since_ns;
    return now;
}

/* Until the end, or until now. */
uint64_t trace_total_ns(const struct trace *t);

/* total - stages, never below 0. */
uint64_t trace_other_ns(const struct trace *t, uint64_t total_ns);
