/* shared_flight.h - one run for identical questions, whichever replica they come to.
 *
 *   step --set the lock, new--> LEADS      run, put the answer, end
 *     ^  --the answer is there-> ANSWERED
 *     |  --no Redis-----------> ALONE      run as if there were no other replica
 *     +--- WAITS, again in wait_ms (5 ms, growing to 50)
 *
 * The lock is a key with a random token that lives for SHARED_FLIGHT_LIFE_MS and is renewed each
 * third of it; only its holder deletes it. A holder that dies, or ends without an answer, is
 * followed by one of those who wait. It saves work and guards nothing: two runs of one prompt, when
 * a holder was too slow to renew, store the same answer twice.
 *
 * The key is the prompt's hash, which all replicas agree on. Within a process flights come first
 * (cache/flights.h), so that one of its askers waits here and not each.
 *
 * Threads  a struct shared_flight is confined; calls wait for Redis, a time-out at most.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "cache/shared_answers.h"

#define SHARED_FLIGHT_LIFE_MS     3000
#define SHARED_FLIGHT_RENEW_MS    (SHARED_FLIGHT_LIFE_MS / 3)
#define SHARED_FLIGHT_WAIT_MS     5
#define SHARED_FLIGHT_WAIT_MS_MAX 50

enum shared_flight_state {
    SHARED_FLIGHT_LEADS,    /* run; renew meanwhile; then shared_flight_end */
    SHARED_FLIGHT_ANSWERED, /* another's answer; nothing to end */
    SHARED_FLIGHT_WAITS,    /* step again in wait_ms; nothing to end when you do not */
    SHARED_FLIGHT_ALONE,    /* run; nothing to end */
};

struct shared_flight {
    struct shared_answers *answers; /* borrowed */
    struct digest prompt_hash;
    char token[33];
    int wait_ms;
};

void shared_flight_init(struct shared_flight *f, struct shared_answers *answers,
                        const struct digest *prompt_hash);

/* Two round trips. ANSWERED fills `out`, in `mem`. now_ms: wall clock, for the answer's life. */
enum shared_flight_state shared_flight_step(struct shared_flight *f,
                                            const struct shared_scope *scope, int64_t now_ms,
                                            struct arena *mem, struct shared_answer *out);

/* Steps until somebody leads or has answered, on this thread; ALONE when `until_ns` (of clock_ns)
 * comes first. */
enum shared_flight_state shared_flight_wait(struct shared_flight *f,
                                            const struct shared_scope *scope, uint64_t until_ns,
                                            struct arena *mem, struct shared_answer *out);

/* Each SHARED_FLIGHT_RENEW_MS while leading. 1: renewed; 0: the lock is another's or nobody's by
 * now, go on all the same; ERR_UNAVAILABLE. */
int shared_flight_renew(struct shared_flight *f);

/* After the answer was put, or there is none. The same results; none of them matters. */
int shared_flight_end(struct shared_flight *f);
