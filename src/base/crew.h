/* crew.h - idle workers of a pool on the steps of one short computation.
 *
 * A question's forward pass is some fifty steps of ten microseconds: too short to wake a thread for
 * each. So a worker is woken once and then stays, spinning, until the computation is over.
 *
 *   leader   crew_open   crew_run(step)  crew_run(step) ...  crew_close
 *   helper        .......... takes units of whatever step is there ......
 *
 * Units are taken one by one, so the leader never waits for a helper that has not come, only for
 * the one unit that a helper is at. Called only where a worker is idle and nothing waits: with all
 * of them busy one computation a thread is faster.
 *
 * Threads  confined to one leader at a time; helpers are the pool's. The pool goes before the
 *          crew, and is always the same one.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/pool.h"

struct crew;

struct crew *crew_new(void);
void crew_free(struct crew *c);

/* Asks idle workers of the pool to help until crew_close; false, and nothing to close, when there
 * are none or other work waits (or pool is NULL). */
bool crew_open(struct crew *c, struct pool *pool);
void crew_close(struct crew *c);

/* Leader and helpers: 1 when it is not open, else up to CREW_SIZE_MAX and never more than
 * processors: one thread more makes all wait for it. */
#define CREW_SIZE_MAX 4
size_t crew_size(const struct crew *c);

/* fn(arg, i) for i in 0..n-1, n at most CREW_UNITS_MAX, spread over leader and helpers; returns
 * when all are done. Units of one step may not depend on each other. */
#define CREW_UNITS_MAX 4096
void crew_run(struct crew *c, size_t n, pool_each_fn fn, void *arg);
