/* turn.h - one at a time, in the order of asking.
 *
 * A mutex gives itself to whoever is quickest, which is the one that has just had it: of two that
 * work in a loop, one would wait for all of the other's work.
 *
 * Threads  locked.
 */
#pragma once
#include <pthread.h>
#include <stdint.h>

struct turn {
    pthread_mutex_t mu; /* guards the fields below */
    pthread_cond_t next;
    uint64_t n_asked, n_served;
};

void turn_init(struct turn *t);
void turn_done(struct turn *t);

void turn_take(struct turn *t); /* waits */
void turn_give(struct turn *t);
