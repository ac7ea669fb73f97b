/* asking.h - questions put to a shelf one after the other, and how long each took.
 *
 * A question takes the current snapshot, searches, fetches its hits and gives the snapshot back, as
 * a question of the service does once it has its vector.
 *
 * Threads  confined.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "shelf.h"

struct times {
    uint64_t *ns;
    size_t n, cap;
};

void times_add(struct times *t, uint64_t ns);
void times_done(struct times *t);

/* "wall" or "cpu"; false: neither. */
bool clock_of(const char *name, clockid_t *out);
uint64_t clock_read(clockid_t clock); /* ns */

/* The time that a share (0.5, 0.99) of them stays below; sorts. 0 without any. */
uint64_t times_at(struct times *t, double share);

struct asking {
    struct shelf *shelf;
    clockid_t clock; /* CLOCK_MONOTONIC; or CLOCK_THREAD_CPUTIME_ID, which sees no waiting */
    enum search_mode mode;
    const char *filter; /* as the command line writes it; NULL: none */
    size_t first;       /* the question to begin with */
    size_t n_max;
    uint64_t ns_max; /* no question is begun after so long by the wall; at least one is asked */
};

/* The searches into `search`, the fetches into `fetch` (may be NULL: none is made). Returns how
 * many questions, or an error. ERR_GONE of a fetch is none: documents may come meanwhile. */
int asking_run(const struct asking *a, struct times *search, struct times *fetch);
