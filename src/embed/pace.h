/* pace.h - is a question faster alone or with idle workers? Asked of this machine, now.
 *
 * With nothing else to do two threads are 1.7 times as fast as one. But a helper that loses its
 * processor to another program keeps its leader waiting, and on a busy machine alone is faster. So
 * what each has lately taken decides, and every PACE_PROBEth question goes the other way to see
 * whether that is still so.
 *
 * Threads  locked.
 */
#pragma once
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PACE_PROBE 16

struct pace {
    pthread_mutex_t mu; /* guards the fields below */
    double token_ns[2]; /* alone, with helpers; moving averages, 0: not yet known */
    unsigned n_asked;
};

void pace_init(struct pace *p);
void pace_done(struct pace *p);

/* True: with helpers. */
bool pace_with_helpers(struct pace *p);

/* What a question of n_tokens took one way or the other. */
void pace_took(struct pace *p, bool with_helpers, size_t n_tokens, uint64_t ns);
