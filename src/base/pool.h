/* pool.h - threads that take work from one bounded queue.
 *
 * Work must not wait for other work of the same pool (pool_each is the exception: its caller
 * helps, so it finishes even when every worker is busy).
 *
 * Threads  locked.
 */
#pragma once
#include <stddef.h>

#include "base/queue.h"

struct pool;

/* i_worker: 0..n_threads-1, so that work can use per-worker scratch and connections. */
typedef void (*pool_fn)(void *arg, int i_worker);

/* n_threads threads named `name`, each lane holding at most `cap` waiting jobs. */
struct pool *pool_new(const char *name, int n_threads, size_t cap);

/* The same of threads that others go before, where processors are few: the nicer, the later. */
struct pool *pool_new_nice(const char *name, int n_threads, size_t cap, int niceness);

/* Runs what was accepted, then joins the threads. */
void pool_free(struct pool *p);

/* Whose work it is: the flow of a tenant (base/queue.h). */
uint64_t pool_flow(const char *name);

/* ERR_BUSY when the flow has no more room in the lane: fn will not run. pool_submit: of no flow. */
int pool_submit_for(struct pool *p, enum queue_lane lane, uint64_t flow, pool_fn fn, void *arg);
int pool_submit(struct pool *p, enum queue_lane lane, pool_fn fn, void *arg);

/* The next part of work that was accepted before, to the end of its flow: not refused for being
 * many. ERR_CANCELLED when the pool is ending. */
int pool_submit_again(struct pool *p, enum queue_lane lane, uint64_t flow, pool_fn fn, void *arg);

/* After ERR_BUSY: in how many milliseconds the flow has room, if it submits nothing meanwhile. From
 * what leaves before it and what a piece of work took lately. */
int64_t pool_room_ms(struct pool *p, enum queue_lane lane, uint64_t flow);

/* fn(arg, i) for i in 0..n-1, spread over the caller and all workers but one, so that no more
 * threads compute than the pool has (a third one on two processors cost 5 % of an ingest); returns
 * when all are done. Workers take part in the bulk lane: a question waits for one fn at most. */
typedef void (*pool_each_fn)(void *arg, size_t i);
void pool_each(struct pool *p, size_t n, pool_each_fn fn, void *arg);

int pool_threads(const struct pool *p);
size_t pool_depth(struct pool *p);
int pool_busy(struct pool *p); /* threads that work */

/* Workers that neither work nor will, by what waits; a guess, as others submit meanwhile. */
int pool_idle(struct pool *p);
