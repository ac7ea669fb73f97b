/* chat_meter.h - one language model in numbers: what was asked of it, how that went, how long it
 * took and what it cost.
 *
 * Threads  atomic.
 */
#pragma once
#include <stdint.h>

#include "base/histogram.h"

enum chat_count {
    CHAT_REQUESTS,   /* sent, those tried again and hedges too */
    CHAT_RETRIES,    /* of them */
    CHAT_HEDGES,     /* of them */
    CHAT_HEDGES_WON, /* that began to answer first */
    CHAT_CANCELLED,  /* calls that nobody wanted any more */
    N_CHAT_COUNTS
};

/* What went wrong with a request, told once each. */
enum chat_failure {
    CHAT_FAILURE_UNREACHED, /* no connection, or lost before there was a status */
    CHAT_FAILURE_TIMEOUT,   /* no first token, or no end, in time */
    CHAT_FAILURE_BUSY,      /* 429 */
    CHAT_FAILURE_SERVER,    /* 5xx */
    CHAT_FAILURE_REFUSED,   /* any other status but 200 */
    CHAT_FAILURE_REPLY,     /* nonsense, cut off, too long */
    N_CHAT_FAILURES
};

/* Why a question went to a model first. */
enum chat_choice { CHAT_CHOSEN_FAST, CHAT_CHOSEN_BEST, CHAT_CHOSEN_ASKED, N_CHAT_CHOICES };

/* Of a request, since it was sent. */
enum chat_time { CHAT_TIME_FIRST_TOKEN, CHAT_TIME_ANSWER, N_CHAT_TIMES };

/* All zero: nothing yet. */
struct chat_meter {
    atomic_uint_least64_t counts[N_CHAT_COUNTS], failures[N_CHAT_FAILURES], choices[N_CHAT_CHOICES];
    atomic_uint_least64_t tokens_in, tokens_out, cost_nano;
    struct histogram times[N_CHAT_TIMES]; /* histogram_of_models */
};

/* "retries", "unreached", "fast": as metrics and statistics name them. */
const char *chat_count_name(enum chat_count c);
const char *chat_failure_name(enum chat_failure f);
const char *chat_choice_name(enum chat_choice c);

/* Of a request that ended with `rc` < 0 after the server had sent `status` (0: none). */
enum chat_failure chat_failure_of(int rc, int status);

void chat_meter_add(atomic_uint_least64_t *n, uint64_t more);

struct chat_numbers {
    uint64_t counts[N_CHAT_COUNTS], failures[N_CHAT_FAILURES], choices[N_CHAT_CHOICES];
    uint64_t tokens_in, tokens_out;
    double cost;
    struct histogram_counts times[N_CHAT_TIMES];
};

void chat_meter_read(const struct chat_meter *m, struct chat_numbers *out);
